package oauth2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// provider publishes one key, whose ID is the number of its rotations.
type provider struct{ rotations, readings int }

func (p *provider) RoundTrip(*http.Request) (*http.Response, error) {
	p.readings++
	body := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"%d",
		"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`, p.rotations)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// Good tokens were once refused for five seconds when the provider changed its keys soon after a
// token with an unknown key ID.
func TestKeysThatChangeSoonAfterEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		k := newKeySet(p, "http://provider/keys", JWKSConfig{Refresh: 5 * time.Minute, Stale: 24 * time.Hour, Pause: 5 * time.Second})
		for ; p.rotations < 3; p.rotations++ {
			if _, err := k.holding(t.Context(), "nobody's"); !errors.Is(err, errUnknownKey) {
				t.Errorf("a key that nobody has: %v", err)
			}
			p.rotations++
			if _, err := k.holding(t.Context(), fmt.Sprint(p.rotations)); err != nil {
				t.Errorf("after rotation %d: %v", p.rotations, err)
			}
		}
	})
}

// Whoever sends tokens with invented key IDs makes us ask the provider no more than once a pause.
func TestInventedKeysDoNotFloodTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{}
		k := newKeySet(p, "http://provider/keys", JWKSConfig{Refresh: 5 * time.Minute, Stale: 24 * time.Hour, Pause: 5 * time.Second})
		for range 1000 {
			if _, err := k.holding(context.Background(), "nobody's"); !errors.Is(err, errUnknownKey) {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond) // of the bubble's clock: 50 s in all
		}
		if p.readings > burst+10 {
			t.Errorf("%d readings", p.readings)
		}
		if _, err := k.holding(context.Background(), "0"); err != nil {
			t.Error(err)
		}
	})
}
