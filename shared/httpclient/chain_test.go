package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"puente/shared/problem"
)

// system plays the transport and what lies behind it, where time is synctest's. The network tests
// use real sockets.
type system func(*http.Request) (*http.Response, error)

func (s system) send(t *trip) (*http.Response, error) {
	r := t.req.WithContext(t.ctx)
	r.Header, r.Body = t.header, t.body
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	t.stage = sent
	return s(r)
}

func answers(status int, header ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: http.NoBody}, nil
}

func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func clientOf(cfg Config, d Deps, s system) *Client {
	c := New("inventory", cfg, d)
	c.transport = s
	return c
}

func get(ctx context.Context, rt http.RoundTripper) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://inventory.test/lines?phone=3000000019", nil)
	if err != nil {
		panic(err)
	}
	return rt.RoundTrip(r)
}

func wantKind(t *testing.T, err error, kind problem.Kind) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want %v", err, kind)
	}
}

func TestEveryCallHasADeadline(t *testing.T) {
	tests := []struct {
		name   string
		cfg    Config
		caller time.Duration // its time; 0: none
		want   time.Duration
	}{
		{"the default", Config{}, 0, 10 * time.Second},
		{"the configured", Config{Timeout: 3 * time.Second}, 0, 3 * time.Second},
		{"one attempt's", Config{Timeout: 3 * time.Second, AttemptTimeout: time.Second}, 0, time.Second},
		{"the caller's, less 50 ms to answer in", Config{}, 5 * time.Second, 4950 * time.Millisecond},
		{"a short one, less a tenth", Config{}, 100 * time.Millisecond, 90 * time.Millisecond},
		{"the configured where the caller has more", Config{Timeout: time.Second}, time.Minute, time.Second},
	}
	for _, test := range tests {
		for _, mode := range []Mode{Safe, Once} {
			t.Run(test.name+", "+mode.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx := t.Context()
					if test.caller > 0 {
						var cancel func()
						ctx, cancel = context.WithTimeout(ctx, test.caller)
						defer cancel()
					}
					rt := clientOf(test.cfg, Deps{}, hangs).Operation("get", mode)
					began := time.Now()
					_, err := get(ctx, rt)
					wantKind(t, err, problem.Timeout)
					if spent := time.Since(began); spent != test.want {
						t.Errorf("ended after %v, want %v", spent, test.want)
					}
					if Unsent(err) {
						t.Error("said to be unsent, was sent")
					}
				})
			})
		}
	}
}

func TestAPassedDeadlineSendsNothing(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	var calls int
	rt := clientOf(Config{}, Deps{}, func(*http.Request) (*http.Response, error) { calls++; return answers(200) }).Operation("get", Once)
	_, err := get(ctx, rt)
	wantKind(t, err, problem.Timeout)
	if !Unsent(err) || calls != 0 {
		t.Errorf("unsent %v, %d calls; want true, none", Unsent(err), calls)
	}
}

func TestRetry(t *testing.T) {
	reset := errors.New("reset")
	type step struct {
		status     int
		retryAfter string
	}
	tests := []struct {
		name       string
		mode       Mode
		steps      []step // the last repeats; status 0 breaks the connection
		body       string // of the request, sent with GetBody
		wantCalls  int
		wantStatus int // 0: an error
	}{
		{"answers are answers", Safe, []step{{status: 200}}, "", 1, 200},
		{"502", Safe, []step{{status: 502}, {status: 200}}, "", 2, 200},
		{"503", Safe, []step{{status: 503}, {status: 200}}, "", 2, 200},
		{"504", Safe, []step{{status: 504}, {status: 200}}, "", 2, 200},
		{"a broken connection", Safe, []step{{}, {status: 200}}, "", 2, 200},
		{"with its body again", Safe, []step{{status: 503}, {status: 200}}, "a=b", 2, 200},
		{"500 is an answer", Safe, []step{{status: 500}, {status: 200}}, "", 1, 500},
		{"404 is an answer", Safe, []step{{status: 404}, {status: 200}}, "", 1, 404},
		{"429 with a time within ours", Safe, []step{{429, "2"}, {status: 200}}, "", 2, 200},
		{"429 with a time beyond ours", Safe, []step{{429, "60"}, {status: 200}}, "", 1, 429},
		{"429 that says nothing", Safe, []step{{status: 429}, {status: 200}}, "", 1, 429},
		{"503 that wants longer than we have", Safe, []step{{503, "60"}, {status: 200}}, "", 1, 503},
		{"until the retries are used up", Safe, []step{{status: 503}}, "", 3, 503},
		{"until the retries are used up, broken", Safe, []step{{}}, "", 3, 0},
		{"never a Once call: 503", Once, []step{{status: 503}, {status: 200}}, "", 1, 503},
		{"never a Once call: broken", Once, []step{{}, {status: 200}}, "", 1, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				c := clientOf(Config{Timeout: 10 * time.Second, Retries: 2}, Deps{}, func(r *http.Request) (*http.Response, error) {
					s := test.steps[min(calls, len(test.steps)-1)]
					calls++
					if r.Body != nil {
						if sent, _ := io.ReadAll(r.Body); string(sent) != test.body {
							t.Errorf("attempt %d sent body %q, want %q", calls, sent, test.body)
						}
					}
					if s.status == 0 {
						return nil, reset
					}
					if s.retryAfter != "" {
						return answers(s.status, "Retry-After", s.retryAfter)
					}
					return answers(s.status)
				})
				for range 100 { // the budget of a client that has been at work
					c.budget.deposit()
				}
				r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://inventory.test/", nil)
				if test.body != "" {
					r, _ = http.NewRequestWithContext(t.Context(), http.MethodPut, "http://inventory.test/", strings.NewReader(test.body))
				}
				resp, err := c.Operation("get", test.mode).RoundTrip(r)
				if calls != test.wantCalls {
					t.Errorf("%d calls, want %d", calls, test.wantCalls)
				}
				if test.wantStatus == 0 {
					wantKind(t, err, problem.BadUpstream)
					return
				}
				if err != nil || resp.StatusCode != test.wantStatus {
					t.Errorf("answer %v, error %v; want %d", resp, err, test.wantStatus)
				}
			})
		})
	}
}

func TestNoRetryOfABodyThatCannotBeReadTwice(t *testing.T) {
	calls := 0
	c := clientOf(Config{Retries: 2}, Deps{}, func(*http.Request) (*http.Response, error) { calls++; return answers(503) })
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://inventory.test/", io.NopCloser(strings.NewReader("x")))
	if _, err := c.Operation("put", Safe).RoundTrip(r); err != nil || calls != 1 {
		t.Fatalf("%d calls, error %v; want 1, nil", calls, err)
	}
}

func TestRetriesEndWithTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(Config{Timeout: 5 * time.Second, AttemptTimeout: 2 * time.Second, Retries: 5}, Deps{}, hangs)
		for range 1000 {
			c.budget.deposit()
		}
		began := time.Now()
		_, err := get(t.Context(), c.Operation("get", Safe))
		wantKind(t, err, problem.Timeout)
		if spent := time.Since(began); spent > 5*time.Second {
			t.Errorf("ended after %v, want at most 5s", spent)
		}
	})
}

// What goes to a system that always fails is at most 1.10 times what our callers asked for, whatever
// the number of callers, and all operations of the target share that.
func TestRetriesCannotAmplify(t *testing.T) {
	for _, n := range []int{10, 15, 100, 1000} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int64
			c := clientOf(Config{Retries: 3}, Deps{}, func(*http.Request) (*http.Response, error) { calls.Add(1); return answers(503) })
			for _, class := range []string{"safe", "once"} {
				if err := c.Force(class, "closed"); err != nil {
					t.Fatal(err)
				}
			}
			ways := []http.RoundTripper{c.Operation("a", Safe), c.Operation("b", Safe)}
			for i := range n {
				_, _ = get(t.Context(), ways[i%2]) // only their number matters
			}
			if limit := int64(n + n/10); calls.Load() > limit {
				t.Errorf("%d calls for %d requests, want at most %d", calls.Load(), n, limit)
			}
			calls.Store(0)
			once := c.Operation("c", Once)
			for range n {
				_, _ = get(t.Context(), once) // only their number matters
			}
			if calls.Load() != int64(n) {
				t.Errorf("%d calls for %d Once requests", calls.Load(), n)
			}
		})
	}
}

func TestTheFirstRetryIsLent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := clientOf(Config{Retries: 1}, Deps{}, func(*http.Request) (*http.Response, error) {
			calls++
			if calls == 1 {
				return answers(503)
			}
			return answers(200)
		})
		resp, err := get(t.Context(), c.Operation("get", Safe))
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("answer %v, error %v", resp, err)
		}
	})
}

func TestCancelledClientsNeverOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(Config{Bulkhead: Bulkhead{Max: 2000}, Retries: 2}, Deps{}, hangs)
		rt := c.Operation("get", Safe)
		ctx, cancel := context.WithCancel(t.Context())
		var clients sync.WaitGroup
		for range 1000 {
			clients.Go(func() {
				_, err := get(ctx, rt)
				if !errors.Is(err, context.Canceled) {
					t.Errorf("error %v, want one that wraps context.Canceled", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		clients.Wait()
		for _, circuit := range c.States() {
			if circuit.State != Closed {
				t.Errorf("class %s is %v", circuit.Class, circuit.State)
			}
		}
	})
}

func TestCallersInAHurryDoNotOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(Config{Timeout: 5 * time.Second}, Deps{}, hangs)
		rt := c.Operation("get", Safe)
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_, err := get(ctx, rt)
			cancel()
			wantKind(t, err, problem.Timeout)
		}
		if s := c.States()[Safe].State; s != Closed {
			t.Errorf("breaker %v, want closed", s)
		}
	})
}

func TestADeadSystemFailsFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(Config{Timeout: 5 * time.Second}, Deps{}, hangs)
		rt := c.Operation("get", Once)
		for range 20 { // one at a time: the window holds two, the run of failures counts them all
			_, err := get(t.Context(), rt)
			wantKind(t, err, problem.Timeout)
		}
		began := time.Now()
		_, err := get(t.Context(), rt)
		wantKind(t, err, problem.Unavailable)
		if e := problem.Of(err); e.RetryAfter != 5*time.Second || time.Since(began) != 0 || !Unsent(err) {
			t.Errorf("retry after %v, spent %v, unsent %v; want 5s, 0, true", e.RetryAfter, time.Since(began), Unsent(err))
		}
		if s := c.States()[Safe].State; s != Closed {
			t.Errorf("reads are %v, want closed: only writes failed", s)
		}
	})
}

func TestBulkheadRefusesWhatItCannotHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := clientOf(Config{Bulkhead: Bulkhead{Max: 2, Wait: 100 * time.Millisecond}}, Deps{}, func(*http.Request) (*http.Response, error) {
			<-release
			return answers(200)
		})
		reads, writes := c.Operation("get", Safe), c.Operation("post", Once)
		var held sync.WaitGroup
		for _, rt := range []http.RoundTripper{reads, writes} { // they share the target's places
			held.Go(func() {
				if _, err := get(t.Context(), rt); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		_, err := get(t.Context(), writes)
		wantKind(t, err, problem.Unavailable)
		if !Unsent(err) || time.Since(began) != 100*time.Millisecond {
			t.Errorf("unsent %v after %v, want true after 100ms", Unsent(err), time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		held.Go(func() {
			_, err := get(ctx, writes)
			if !Unsent(err) || !errors.Is(err, context.Canceled) {
				t.Errorf("a client that left while it waited: unsent %v, error %v", Unsent(err), err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		held.Wait()
		if _, err := get(t.Context(), reads); err != nil {
			t.Errorf("no place after all have left: %v", err)
		}
	})
}

func TestOnceOutlivesItsCaller(t *testing.T) {
	for _, mode := range []Mode{Safe, Once} {
		t.Run(mode.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen []Observation
				observe := func(_ context.Context, o Observation) { seen = append(seen, o) }
				c := clientOf(Config{Timeout: 5 * time.Second}, Deps{Observe: observe}, func(r *http.Request) (*http.Response, error) {
					select {
					case <-time.After(time.Second):
						return answers(201)
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				})
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(100*time.Millisecond, cancel)
				resp, err := get(ctx, c.Operation("charge", mode))
				if mode == Safe {
					wantKind(t, err, problem.Timeout)
					if len(seen) != 1 || seen[0].Error != reasonCancelled || seen[0].Duration != 100*time.Millisecond {
						t.Errorf("observed %+v", seen)
					}
					return
				}
				if err != nil || resp.StatusCode != 201 {
					t.Errorf("answer %v, error %v; want 201", resp, err)
				}
				if len(seen) != 1 || seen[0].Status != 201 || seen[0].Duration != time.Second || seen[0].Attempts != 1 {
					t.Errorf("observed %+v", seen)
				}
			})
		})
	}
}

func TestAPanicLeavesNothingHeld(t *testing.T) {
	c := clientOf(Config{Bulkhead: Bulkhead{Max: 1}}, Deps{}, func(*http.Request) (*http.Response, error) { return answers(200) })
	c.deps.Credentials = func(*http.Request) error { panic("defect") }
	rt := c.Operation("get", Safe)
	func() {
		defer func() { _ = recover() }()
		_, _ = get(t.Context(), rt) // panics
	}()
	c.deps.Credentials = nil
	if _, err := get(t.Context(), c.Operation("get", Safe)); err != nil {
		t.Fatal(err)
	}
}

func TestCredentialsThatCannotBeHad(t *testing.T) {
	called := false
	c := clientOf(Config{Retries: 2}, Deps{Credentials: func(*http.Request) error {
		return problem.Errorf(problem.Unauthenticated, "the token server refused us")
	}}, func(*http.Request) (*http.Response, error) { called = true; return answers(200) })
	_, err := get(t.Context(), c.Operation("get", Once))
	wantKind(t, err, problem.BadUpstream) // never our caller's 401
	if !Unsent(err) || called {
		t.Errorf("unsent %v, called %v; want true, false", Unsent(err), called)
	}
	if errors.Is(err, problem.Unauthenticated) {
		t.Error("the kind of the cause shows through")
	}
}
