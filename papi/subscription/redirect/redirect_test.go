package redirect

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

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

// schemes are all the profiles that there can be with one key.
var schemes = []Profile{profile(GCM, false), profile(ECB, false), profile(ECB, true), profile(CBC, false), profile(CBC, true)}

func claims(t *rapid.T, untimed bool) Claims {
	c := Claims{
		MSISDN:    rapid.StringMatching(`569[0-9]{8}`).Draw(t, "msisdn"),
		ProductID: rapid.Int64Range(1, 1<<62).Draw(t, "product"),
		TID:       rapid.StringMatching(`[A-Za-z0-9._~-]{0,64}`).Draw(t, "tid"),
	}
	if !untimed {
		c.At = time.UnixMilli(rapid.Int64Range(1, 1<<42).Draw(t, "at"))
	}
	return c
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(schemes).Draw(t, "scheme")
		c := claims(t, p.Untimed)
		token, err := tokens(t, p).Seal(c)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tokens(t, p).Open(token, c.At); err != nil || !same(got, c) {
			t.Fatalf("%v became %v, %v", c, got, err)
		}
	})
}

// Invariant 16: any flipped bit of a gcm token, of its text or of its bytes, is refused.
func TestAFlippedBitIsRefusedInGCM(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := tokens(t, profile(GCM, false, Key{"k1", key32}, Key{"k0", other32}))
		c := claims(t, false)
		token, err := p.Seal(c)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(token)
		i := rapid.IntRange(0, len(text)*8-1).Draw(t, "bit of text")
		text[i/8] ^= 1 << (i % 8)
		if got, err := p.Open(string(text), c.At); !errors.Is(err, ErrInvalid) {
			t.Fatalf("%q opened as %v", text, got)
		}
		raw, err := base64.RawURLEncoding.DecodeString(token[len("v2.k1."):])
		if err != nil {
			t.Fatal(err)
		}
		i = rapid.IntRange(0, len(raw)*8-1).Draw(t, "bit")
		raw[i/8] ^= 1 << (i % 8)
		if got, err := p.Open("v2.k1."+base64.RawURLEncoding.EncodeToString(raw), c.At); !errors.Is(err, ErrInvalid) {
			t.Fatalf("a flipped bit %d opened as %v", i, got)
		}
	})
}

// What nobody sealed is refused, and nothing of it panics.
func TestAnythingElseIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := tokens(t, rapid.SampledFrom(schemes).Draw(t, "scheme"))
		raw := rapid.SliceOfN(rapid.Byte(), 0, 160).Draw(t, "raw")
		for _, token := range []string{
			string(raw), base64.StdEncoding.EncodeToString(raw), "v2.k1." + base64.RawURLEncoding.EncodeToString(raw),
		} {
			if got, err := p.Open(token, sealed); err != ErrInvalid || got != (Claims{}) {
				t.Fatalf("%q: %v, %v", token, got, err)
			}
		}
	})
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

func TestRefused(t *testing.T) {
	seal := func(p Profile, plain string) string {
		t.Helper()
		token, err := tokens(t, p).sealer.seal([]byte(plain), counting())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	foreign := profile(GCM, false)
	foreign.Partner = 2272
	good, _ := tokens(t, profile(GCM, false)).Seal(sample)
	ecb4, _ := tokens(t, profile(ECB, false)).Seal(sample)
	ecb3, _ := tokens(t, profile(ECB, true)).Seal(untimed)
	for name, test := range map[string]struct {
		p     Profile
		token string
	}{
		"empty":                    {profile(GCM, false), ""},
		"another partner's":        {foreign, good},
		"key id unknown":           {profile(GCM, false), strings.Replace(good, "k1", "k9", 1)},
		"version":                  {profile(GCM, false), strings.Replace(good, "v2", "v1", 1)},
		"line break":               {profile(GCM, false), good + "\n"},
		"cut":                      {profile(GCM, false), good[:20]},
		"too long":                 {profile(ECB, false), strings.Repeat("A", 1024)},
		"ecb where gcm is set":     {profile(GCM, false), ecb4},
		"ecb of another key":       {profile(ECB, false, Key{"k", other16}), ecb4},
		"three parts for four":     {profile(ECB, false), ecb3},
		"four parts for three":     {profile(ECB, true), ecb4},
		"five parts":               {profile(ECB, false), seal(profile(ECB, false), "56912345678#1020#a#b#1648000000000")},
		"a line of no country":     {profile(ECB, true), seal(profile(ECB, true), "560000000000#1020#159")},
		"product with a zero":      {profile(ECB, true), seal(profile(ECB, true), "56912345678#01020#159")},
		"product 0":                {profile(ECB, true), seal(profile(ECB, true), "56912345678#0#159")},
		"product with a sign":      {profile(ECB, true), seal(profile(ECB, true), "56912345678#+1020#159")},
		"tid of other letters":     {profile(ECB, true), seal(profile(ECB, true), "56912345678#1020#a b")},
		"time that is none":        {profile(CBC, false), seal(profile(CBC, false), "56912345678#1020#159#now")},
		"time with a zero":         {profile(CBC, false), seal(profile(CBC, false), "56912345678#1020#159#01648000000000")},
		"no whole block":           {profile(CBC, false), "AAECAwQFBgcICQoLDA0OD50u1A=="},
		"iv alone":                 {profile(CBC, false), "AAECAwQFBgcICQoLDA0ODw=="},
		"stray bits at the end":    {profile(ECB, true), strings.Replace(ecb3, "90=", "91=", 1)},
		"line break inside Base64": {profile(ECB, true), ecb3[:8] + "\n" + ecb3[8:]},
	} {
		if c, err := tokens(t, test.p).Open(test.token, sealed); err != ErrInvalid || c != (Claims{}) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// The weaknesses that the comments warn of, so that nobody takes the schemes for more than they are.
func TestWhatTheCompatibleSchemesDoNotDo(t *testing.T) {
	e := tokens(t, profile(ECB, true))
	one, _ := e.Seal(untimed)
	two, _ := e.Seal(Claims{MSISDN: untimed.MSISDN, ProductID: 1020, TID: "another"})
	if one[:16] != two[:16] {
		t.Error("ecb: the first blocks of one user's tokens differ")
	}
	c := tokens(t, profile(CBC, true))
	token, _ := c.Seal(untimed)
	raw, _ := base64.StdEncoding.DecodeString(token)
	raw[10] ^= '8' ^ '9' // the last digit, through the IV
	if got, err := c.Open(base64.StdEncoding.EncodeToString(raw), sealed); err != nil || got.MSISDN != "56912345679" {
		t.Errorf("cbc: %v, %v", got, err)
	}
}

func TestPaddingIsWholeOrNone(t *testing.T) {
	block := func(tail ...byte) []byte { return append(make([]byte, 16-len(tail), 16), tail...) }
	for _, test := range []struct {
		data []byte
		left int
	}{
		{block(1), 15}, {block(2, 2), 14}, {bytes.Repeat([]byte{16}, 16), 0}, {block(3, 2, 2), 14},
		{block(0), 0}, {block(17), 0}, {block(255), 0}, {block(1, 2), 0}, {block(4, 3, 3, 3), 13}, {block(3, 2, 3), 0},
	} {
		if got := unpad(test.data); len(got) != test.left {
			t.Errorf("%v: %d bytes left", test.data, len(got))
		}
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
