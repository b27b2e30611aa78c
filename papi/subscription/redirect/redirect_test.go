package redirect

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"puente/shared/phone"
)

var (
	key16   = []byte("0123456789abcdef")
	key32   = []byte("0123456789abcdef0123456789abcdef")
	other16 = []byte("fedcba9876543210")
	other32 = []byte("fedcba9876543210fedcba9876543210")
	sealed  = time.UnixMilli(1648000000000)
	sample  = Claims{MSISDN: "56912345678", ProductID: 1020, TID: "159", At: sealed}
	untimed = Claims{MSISDN: "56912345678", ProductID: 1020, TID: "159"}
)

func profile(s Scheme, untimed bool, keys ...Key) Profile {
	if keys == nil {
		keys = []Key{{"k1", key16}}
		if s == GCM || s == "" {
			keys = []Key{{"k1", key32}}
		}
	}
	return Profile{Scheme: s, Keys: keys, Partner: 52272, Untimed: untimed, MSISDN: phone.Chile.Canonical}
}

func tokens(t interface {
	Helper()
	Fatal(...any)
}, p Profile) *Tokens {
	t.Helper()
	out, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// counting gives 00 01 02 …, the IV and nonce of the vectors.
func counting() io.Reader {
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(i)
	}
	return bytes.NewReader(b)
}

// The vectors of specification §8, as they stand in a URL.
func TestVectors(t *testing.T) {
	for name, test := range map[string]struct {
		profile Profile
		claims  Claims
		query   string
		bytes   int
	}{
		"ECB P4": {profile(ECB, false), sample, "9YBqwdypNtWYck7RNbX1iYXgsI4l13YZHF1oVsZ%2FSkrEwLx0kgb%2BmSniq%2F4pwcC7", 48},
		"ECB P3": {profile(ECB, true), untimed, "9YBqwdypNtWYck7RNbX1iWNxSk26%2BryeFeu2PAs9D90%3D", 32},
		"CBC P3": {profile(CBC, true), untimed, "AAECAwQFBgcICQoLDA0OD50u1IsW8JTqLcNOCv31Wjp3X9EVNLCsuekNSKyy9bGa", 48},
		"GCM P4": {profile(GCM, false), sample, "v2.k1.AAECAwQFBgcICQoLGNOCTesr5pme60mdQP_jNMU5Nr4fjUK_GOyLhIgVnLSNmy7wNahg5kr8DgoWmc6OX_g", 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := tokens(t, test.profile)
			p.random = counting()
			got, err := p.Seal(test.claims)
			if err != nil || url.QueryEscape(got) != test.query {
				t.Errorf("sealed %s, %v", url.QueryEscape(got), err)
			}
			if raw, err := base64.StdEncoding.DecodeString(got); test.bytes != 0 && (err != nil || len(raw) != test.bytes) {
				t.Errorf("%d bytes, %v", len(raw), err)
			}
			query, err := url.ParseQuery("token=" + test.query)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := p.Open(query.Get("token"), sealed); err != nil || !same(c, test.claims) {
				t.Errorf("opened %v, %v", c, err)
			}
			// Decoded once more than is right: + has become a space.
			spaced := strings.ReplaceAll(query.Get("token"), "+", " ")
			if c, err := p.Open(spaced, sealed); err != nil || !same(c, test.claims) {
				t.Errorf("with spaces opened %v, %v", c, err)
			}
			if Hash(spaced) != Hash(query.Get("token")) {
				t.Error("a second spelling has a second use")
			}
		})
	}
}

func same(a, b Claims) bool {
	return a.MSISDN == b.MSISDN && a.ProductID == b.ProductID && a.TID == b.TID && a.At.Equal(b.At)
}

func TestARotatedKeyStillOpens(t *testing.T) {
	for _, s := range []Scheme{GCM, ECB, CBC} {
		older, newer := Key{"k1", key32}, Key{"k2", other32}
		before, during, after := tokens(t, profile(s, false, older)), tokens(t, profile(s, false, newer, older)), tokens(t, profile(s, false, newer))
		old, _ := before.Seal(sample)
		fresh, _ := during.Seal(sample)
		if c, err := during.Open(old, sealed); err != nil || !same(c, sample) {
			t.Errorf("%s: during the rotation: %v, %v", s, c, err)
		}
		if _, err := after.Open(fresh, sealed); err != nil {
			t.Errorf("%s: the first key did not seal: %v", s, err)
		}
		if _, err := after.Open(old, sealed); err != ErrInvalid {
			t.Errorf("%s: a withdrawn key opened: %v", s, err)
		}
	}
}

func TestAge(t *testing.T) {
	for _, s := range []Scheme{GCM, ECB, CBC} {
		p := tokens(t, profile(s, false))
		token, _ := p.Seal(sample)
		for _, test := range []struct {
			later time.Duration
			ok    bool
		}{
			{0, true}, {300 * time.Second, true}, {300*time.Second + time.Millisecond, false},
			{-time.Minute, true}, {-time.Minute - time.Millisecond, false},
		} {
			if _, err := p.Open(token, sealed.Add(test.later)); (err == nil) != test.ok {
				t.Errorf("%s after %v: %v", s, test.later, err)
			}
		}
	}
	p := tokens(t, profile(ECB, true))
	token, _ := p.Seal(untimed)
	if _, err := p.Open(token, sealed.AddDate(9, 0, 0)); err != nil {
		t.Errorf("an untimed token grew old: %v", err)
	}
}

func TestWrongProfilesAndClaims(t *testing.T) {
	with := func(change func(*Profile)) Profile {
		p := profile(GCM, false)
		change(&p)
		return p
	}
	for want, p := range map[string]Profile{
		"tokenScheme: ":    with(func(p *Profile) { p.Scheme = "des" }),
		"partnerId: ":      with(func(p *Profile) { p.Partner = 0 }),
		"MSISDN: ":         with(func(p *Profile) { p.MSISDN = nil }),
		"tokenTimestamp: ": with(func(p *Profile) { p.Untimed = true }),
		"age: ":            with(func(p *Profile) { p.Age = -1 }),
		"skew: ":           with(func(p *Profile) { p.Skew = -1 }),
		"keys: ":           with(func(p *Profile) { p.Keys = nil }),
		"keys[0].id: ":     with(func(p *Profile) { p.Keys = []Key{{"a.b", key32}} }),
		"keys[0].secret: ": with(func(p *Profile) { p.Keys = []Key{{"k1", key16}} }),
		"keys[1]: ":        with(func(p *Profile) { p.Keys = []Key{{"k1", key32}, {"k2", key32}} }),
	} {
		if _, err := New(p); err == nil || !strings.HasPrefix(err.Error(), "redirect: "+want) {
			t.Errorf("%s%v", want, err)
		}
	}
	if _, err := New(Profile{Scheme: ECB, Keys: []Key{{"k", key16[:15]}}, Partner: 1, MSISDN: phone.Chile.Canonical}); err == nil {
		t.Error("a key of 15 bytes was taken")
	}
	for want, c := range map[string]Claims{
		"msisdn: ":    {MSISDN: "569#1#1", ProductID: 1, At: sealed},
		"productId: ": {MSISDN: "56912345678", At: sealed},
		"tid: ":       {MSISDN: "56912345678", ProductID: 1, TID: "a#b", At: sealed},
		"at: ":        {MSISDN: "56912345678", ProductID: 1},
	} {
		if _, err := tokens(t, profile("", false)).Seal(c); err == nil || !strings.HasPrefix(err.Error(), "redirect: "+want) {
			t.Errorf("%s%v", want, err)
		}
	}
}
