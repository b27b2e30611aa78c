package hop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A context beyond a typed hop ends with its caller's and costs no goroutine for that: in a bubble,
// one that were left behind would fail the test.
func TestCrossingEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("the caller's reason")
		caller, end := context.WithCancelCause(context.Background())
		far := cross(caller)
		child, cancel := context.WithCancel(far)
		defer cancel()
		detached, cancelDetached := context.WithCancel(context.WithoutCancel(far))
		defer cancelDetached()
		end(cause)
		synctest.Wait()
		if far.Err() != context.Canceled || child.Err() != context.Canceled || context.Cause(child) != cause {
			t.Errorf("far %v, child %v because of %v", far.Err(), child.Err(), context.Cause(child))
		}
		if detached.Err() != nil {
			t.Error("what was detached ended, too")
		}
	})
}

func TestCrossingTwiceKeepsWhatCrosses(t *testing.T) {
	ctx := cross(cross(WithPrincipal(context.Background(), Principal{System: "TIENDA"})))
	if got := PrincipalOf(ctx); got.System != "TIENDA" {
		t.Errorf("%+v", got)
	}
	if got := PrincipalOf(context.Background()); got != (Principal{}) {
		t.Errorf("without one: %+v", got)
	}
}
