package oauth2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"puente/shared/httpclient"
	"puente/shared/problem"
)

var errUnknownKey = errors.New("no key of that ID")

// keySet is the provider's keys. They are read when first needed, again when they are old or when
// a token names one that is not among them, and kept when the provider is away.
type keySet struct {
	by  http.RoundTripper
	url string
	cfg JWKSConfig

	mu      sync.Mutex
	set     jwk.Set
	read    time.Time     // of set
	due     time.Time     // by then all readings so far would have been one a Pause
	reading chan struct{} // closed when the reading under way has ended; nil when there is none
	failed  error         // of the last reading
}

func newKeySet(by http.RoundTripper, url string, cfg JWKSConfig) *keySet {
	return &keySet{by: by, url: url, cfg: cfg}
}

// holding is a set that has the key kid, or errUnknownKey, or why nobody can tell.
func (k *keySet) holding(ctx context.Context, kid string) (jwk.Set, error) {
	set, joined, err := k.find(ctx, kid)
	if joined && errors.Is(err, errUnknownKey) {
		// That reading began before the token came: the provider may have changed its keys since.
		set, _, err = k.find(ctx, kid)
	}
	return set, err
}

// find looks for kid in the set, and where it is not there or old, in a reading; joined tells that
// somebody else had begun that.
func (k *keySet) find(ctx context.Context, kid string) (found jwk.Set, joined bool, err error) {
	k.mu.Lock()
	now := time.Now()
	set, age := k.set, now.Sub(k.read)
	good := has(set, kid) && age < k.cfg.Stale
	if good && age < k.cfg.Refresh {
		k.mu.Unlock()
		return set, false, nil
	}
	joined = k.reading != nil
	done := k.begin(ctx, now)
	k.mu.Unlock()
	if good { // old, and good until the provider says otherwise
		return set, joined, nil
	}
	if done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return nil, joined, ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case has(k.set, kid) && time.Since(k.read) < k.cfg.Stale:
		return k.set, joined, nil
	case k.failed != nil:
		return nil, joined, k.failed
	default:
		return nil, joined, errUnknownKey
	}
}

func has(set jwk.Set, kid string) bool {
	if set == nil {
		return false
	}
	_, ok := set.LookupKeyID(kid)
	return ok
}

// burst is how many readings may follow each other without a pause: the provider may change its keys
// right after a token that names none of them made us read, and no good token may suffer from that.
const burst = 10

// begin starts a reading unless one is under way or there were too many of late. k.mu is held.
func (k *keySet) begin(ctx context.Context, now time.Time) <-chan struct{} {
	if k.reading != nil {
		return k.reading
	}
	due := k.due.Add(k.cfg.Pause)
	if earliest := now.Add(-(burst - 1) * k.cfg.Pause); due.Before(earliest) {
		due = earliest
	}
	if due.After(now) {
		return nil
	}
	k.due = due
	done := make(chan struct{})
	k.reading = done
	go func() {
		set, err := k.fetch(context.WithoutCancel(ctx))
		k.mu.Lock()
		defer k.mu.Unlock()
		k.failed, k.reading = err, nil
		if err == nil {
			k.set, k.read = set, time.Now()
		}
		close(done)
	}()
	return done
}

// fetch reads the keys. Only public keys that say which algorithm they are for are kept, the first of
// each ID: a symmetric key here would let anybody sign.
func (k *keySet) fetch(ctx context.Context) (jwk.Set, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	resp, err := k.by.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	text, err := httpclient.ReadAll(resp)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, problem.Errorf(problem.BadUpstream, "read keys: status %d", resp.StatusCode)
	}
	all, err := jwk.Parse(text, jwk.WithIgnoreParseError(true)) // keys of a kind to come, RFC 7517 §5
	if err != nil {
		return nil, problem.Errorf(problem.BadUpstream, "read keys: not a key set")
	}
	usable := jwk.NewSet()
	for i := range all.Len() {
		key, _ := all.Key(i)
		algorithm, hasAlgorithm := key.Algorithm()
		use, hasUse := key.KeyUsage()
		kid, _ := key.KeyID()
		if kid == "" || has(usable, kid) || !hasAlgorithm || key.KeyType() == jwa.OctetSeq() || algorithm.String() == "none" || hasUse && use != "sig" {
			continue
		}
		public, err := key.PublicKey()
		if err != nil {
			continue
		}
		if err := usable.AddKey(public); err != nil {
			return nil, problem.Errorf(problem.BadUpstream, "read keys: %w", err)
		}
	}
	if usable.Len() == 0 { // a fault of the provider's rather than its will to refuse everybody
		return nil, problem.Errorf(problem.BadUpstream, "read keys: none that is usable")
	}
	return usable, nil
}
