package oauth2

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

var timing = JWKSConfig{Refresh: 5 * time.Minute, Stale: 24 * time.Hour, Pause: 5 * time.Second}

// publisher is a provider's key set address, without a network between: time passes as the bubble says.
type publisher struct {
	mu     sync.Mutex
	status int
	body   []byte
	delay  time.Duration // between the reading of the keys and the answer
	reads  atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (p *publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	p.reads.Add(1)
	p.mu.Lock()
	status, body, delay := p.status, p.body, p.delay
	p.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body)), Header: http.Header{}}, nil
}

func (p *publisher) publish(status int, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body = status, body
}

var signer = sync.OnceValues(func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })

// published is a key set with a key of each ID.
func published(t *testing.T, ids ...string) []byte {
	t.Helper()
	set := jwk.NewSet()
	for _, id := range ids {
		private, err := signer()
		if err != nil {
			t.Fatal(err)
		}
		key, err := jwk.Import(private.Public())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(key.Set(jwk.KeyIDKey, id), key.Set(jwk.AlgorithmKey, jwa.ES256()), set.AddKey(key)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func holds(k *keySet, kid string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := k.holding(ctx, kid)
	return err
}

func TestKeysAreReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{status: 200, body: published(t, "a"), delay: 50 * time.Millisecond}
		k := newKeySet(p, "http://provider.example/jwks", timing)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := holds(k, "a"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		time.Sleep(timing.Refresh - time.Second)
		if err := holds(k, "a"); err != nil {
			t.Error(err)
		}
		if n := p.reads.Load(); n != 1 {
			t.Errorf("read %d times", n)
		}
	})
}

// Old keys are read again behind the back of those who use them.
func TestKeysAreRefreshedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{status: 200, body: published(t, "a")}
		k := newKeySet(p, "http://provider.example/jwks", timing)
		if err := holds(k, "a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(timing.Refresh)
		p.publish(200, published(t, "b"))
		before := time.Now()
		if err := holds(k, "a"); err != nil || !time.Now().Equal(before) {
			t.Errorf("%v after %v", err, time.Since(before))
		}
		synctest.Wait()
		if err := holds(k, "a"); !errors.Is(err, errUnknownKey) {
			t.Errorf("a key that the provider withdrew: %v", err)
		}
		if err := holds(k, "b"); err != nil {
			t.Error(err)
		}
	})
}

func TestKeysOutliveTheProviderForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{status: 200, body: published(t, "a")}
		k := newKeySet(p, "http://provider.example/jwks", timing)
		if err := holds(k, "a"); err != nil {
			t.Fatal(err)
		}
		for i, down := range []struct {
			status int
			body   string
		}{{0, ""}, {500, "{}"}, {200, "<html>"}, {200, ""}, {200, `{"keys":7}`}, {404, ""}, {200, "{}"}, {200, `{"keys":[]}`}, {200, `{"keys":[{"kty":"EC"}]}`}, {200, "null"}} {
			p.publish(down.status, []byte(down.body))
			time.Sleep(time.Hour)
			for range 3 {
				if err := holds(k, "a"); err != nil {
					t.Errorf("%d: %v", i, err)
				}
				synctest.Wait()
			}
			if err := holds(k, "b"); err == nil || errors.Is(err, errUnknownKey) {
				t.Errorf("%d: a key that the provider might have: %v", i, err)
			}
		}
		time.Sleep(timing.Stale)
		if err := holds(k, "a"); err == nil || errors.Is(err, errUnknownKey) {
			t.Errorf("beyond its time: %v", err)
		}
		p.publish(200, published(t, "a"))
		time.Sleep(timing.Pause)
		if err := holds(k, "a"); err != nil {
			t.Errorf("the provider is back: %v", err)
		}
	})
}

// Whatever unknown keys tokens name, the provider is asked once a pause in the long run.
func TestUnknownKeysDoNotFloodTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{status: 200, body: published(t, "a"), delay: 10 * time.Millisecond}
		k := newKeySet(p, "http://provider.example/jwks", timing)
		const lasts = 10 * time.Minute
		begun := time.Now()
		for i := 0; time.Since(begun) < lasts; i++ {
			if err := holds(k, fmt.Sprint("unknown-", i)); err == nil {
				t.Fatal("found")
			}
			time.Sleep(100 * time.Millisecond)
			if i%100 == 0 {
				if err := holds(k, "a"); err != nil {
					t.Errorf("a good key in the flood: %v", err)
				}
			}
		}
		if n, most := p.reads.Load(), int64(lasts/timing.Pause)+burst; n > most {
			t.Errorf("asked %d times, want at most %d", n, most)
		}
	})
}

// A provider that is down is not hammered, either.
func TestDeadProviderIsAskedOnceAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{}
		k := newKeySet(p, "http://provider.example/jwks", timing)
		for range 1000 {
			if err := holds(k, "a"); err == nil || errors.Is(err, errUnknownKey) {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n, most := p.reads.Load(), int64(10*time.Second/timing.Pause)+burst; n > most {
			t.Errorf("asked %d times, want at most %d", n, most)
		}
	})
}

// The provider signs with a new key from one moment to the next, also right after a token with an
// unknown key made us read, and while we are reading: no good token is refused.
func TestRotationRefusesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{status: 200, body: published(t, "key-0"), delay: 20 * time.Millisecond}
		k := newKeySet(p, "http://provider.example/jwks", timing)
		var all sync.WaitGroup
		for i := 1; i <= 20; i++ {
			old, fresh := fmt.Sprint("key-", i-1), fmt.Sprint("key-", i)
			all.Go(func() { _ = holds(k, fmt.Sprint("unknown-", i)) }) // an attacker's
			time.Sleep(10 * time.Millisecond)                          // it is being asked for now
			p.publish(200, published(t, old, fresh))
			for _, kid := range []string{fresh, old, fresh} {
				all.Go(func() {
					if err := holds(k, kid); err != nil {
						t.Errorf("rotation %d: %s: %v", i, kid, err)
					}
				})
			}
			all.Wait()
			time.Sleep(2 * timing.Pause)
		}
	})
}

// Only public keys that name their algorithm verify anything.
func TestUnusableKeys(t *testing.T) {
	var one struct{ Keys []map[string]any }
	if err := json.Unmarshal(published(t, "good"), &one); err != nil {
		t.Fatal(err)
	}
	with := func(changes map[string]any) map[string]any {
		key := map[string]any{}
		for name, value := range one.Keys[0] {
			key[name] = value
		}
		for name, value := range changes {
			if key[name] = value; value == nil {
				delete(key, name)
			}
		}
		return key
	}
	secret := map[string]any{"kty": "oct", "kid": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}
	text := func(keys ...map[string]any) []byte {
		text, err := json.Marshal(map[string]any{"keys": keys})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	twice := text(with(nil), with(map[string]any{"alg": "ES384"}))
	body := text(
		with(nil), secret, with(map[string]any{"kid": "unnamed", "alg": nil}), with(map[string]any{"kid": "sealing", "use": "enc"}),
		with(map[string]any{"kid": "signing", "use": "sig"}), with(map[string]any{"kid": nil}),
		map[string]any{"kty": "FUTURE", "kid": "future", "alg": "ML-DSA-87"}, with(map[string]any{"kid": "broken", "x": "!"}), // RFC 7517 §5: ignored
	)
	synctest.Test(t, func(t *testing.T) {
		k := newKeySet(&publisher{status: 200, body: body}, "http://provider.example/jwks", timing)
		for kid, want := range map[string]error{"good": nil, "signing": nil, "oct": errUnknownKey, "unnamed": errUnknownKey, "sealing": errUnknownKey, "future": errUnknownKey, "broken": errUnknownKey, "": errUnknownKey} {
			if err := holds(k, kid); !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", kid, err, want)
			}
		}
		k = newKeySet(&publisher{status: 200, body: twice}, "http://provider.example/jwks", timing)
		set, err := k.holding(t.Context(), "good")
		if err != nil || set.Len() != 1 {
			t.Fatalf("two keys of one ID: %v %v", set, err)
		}
		key, _ := set.Key(0)
		if algorithm, _ := key.Algorithm(); algorithm.String() != "ES256" {
			t.Errorf("not the first of two keys of one ID: %v", algorithm)
		}
	})
}
