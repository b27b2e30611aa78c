package redirect

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

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
