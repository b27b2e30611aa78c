package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func secret(t interface{ Fatal(...any) }, n int, fill byte) Secret {
	s, err := ParseSecret("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), n))))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The example of the Standard Webhooks specification and its libraries' tests.
func TestSpecificationsExample(t *testing.T) {
	s, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1614265330, 0)
	body := []byte(`{"test": 2432232314}`)
	h := http.Header{}
	Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, s)
	if got, want := h.Get("webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Fatalf("signature %s, want %s", got, want)
	}
	if h.Get("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" || h.Get("webhook-timestamp") != "1614265330" {
		t.Fatalf("%v", h)
	}
	if err := Verify(h, at, body, s); err != nil {
		t.Fatal(err)
	}
}

func TestSecrets(t *testing.T) {
	of := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for text, want := range map[string]bool{
		of(24): true, of(64): true, of(23): false, of(65): false, of(0): false, "": false, "whsec_": false,
		strings.TrimPrefix(of(24), "whsec_"): false, "WHSEC_" + of(24)[6:]: false, of(24) + "\n": false, "whsec_not base64 at all, not at all": false,
		strings.TrimRight(of(25), "="): false, // padding is part of Base64
	} {
		s, err := ParseSecret(text)
		if (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && len(text) > 10 && strings.Contains(err.Error(), text[6:]) {
			t.Errorf("%v repeats the secret", err)
		}
		if want {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
				if shown := fmt.Sprintf(verb, struct{ S Secret }{s}); strings.Contains(shown, "[0 0 0") || strings.Contains(shown, text[6:]) || strings.Contains(shown, "0x0, 0x0") {
					t.Errorf("%s shows %s", verb, shown)
				}
			}
		}
	}
}

func TestVerification(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	body := []byte(`{"a":1}`)
	ours, old, foreign := secret(t, 24, 'o'), secret(t, 32, 'p'), secret(t, 64, 'f')
	signed := func(at time.Time, secrets ...Secret) http.Header {
		h := http.Header{}
		Sign(h, "id", at, body, secrets...)
		return h
	}
	with := func(name, value string) http.Header {
		h := signed(now, ours)
		h.Set(name, value)
		return h
	}
	signature := signed(now, ours).Get(HeaderSignature)
	for name, test := range map[string]struct {
		header http.Header
		now    time.Time
		want   error
	}{
		"right":                  {signed(now, ours), now, nil},
		"old of a rotation":      {signed(now, old), now, nil},
		"both of a rotation":     {signed(now, ours, old), now, nil},
		"the second is ours":     {signed(now, foreign, ours), now, nil},
		"another's":              {signed(now, foreign), now, ErrSignature},
		"none":                   {signed(now), now, ErrIncomplete},
		"5 min old":              {signed(now, ours), now.Add(5 * time.Minute), nil},
		"older":                  {signed(now, ours), now.Add(5*time.Minute + time.Second), ErrStale},
		"5 min ahead":            {signed(now, ours), now.Add(-5 * time.Minute), nil},
		"further ahead":          {signed(now, ours), now.Add(-5*time.Minute - time.Second), ErrStale},
		"no id":                  {with(HeaderID, ""), now, ErrIncomplete},
		"another id":             {with(HeaderID, "di"), now, ErrSignature},
		"no timestamp":           {with(HeaderTimestamp, ""), now, ErrIncomplete},
		"a date":                 {with(HeaderTimestamp, "2023-11-14"), now, ErrStale},
		"a fraction":             {with(HeaderTimestamp, "1700000000.5"), now, ErrStale},
		"beyond all time":        {with(HeaderTimestamp, "9223372036854775807"), now, ErrStale},
		"another time":           {with(HeaderTimestamp, "1700000001"), now, ErrSignature},
		"another version beside": {with(HeaderSignature, "v1a,abcd v2,"+signature[3:]+" "+signature), now, nil},
		"only another version":   {with(HeaderSignature, "v2,"+signature[3:]), now, ErrSignature},
		"no version":             {with(HeaderSignature, signature[3:]), now, ErrSignature},
		"not Base64":             {with(HeaderSignature, "v1,***"), now, ErrSignature},
		"empty":                  {with(HeaderSignature, "v1,"), now, ErrSignature},
		"cut off":                {with(HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(make([]byte, 16))), now, ErrSignature},
	} {
		if err := Verify(test.header, test.now, body, ours, old); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if err := Verify(signed(now, ours), now, body); !errors.Is(err, ErrSignature) {
		t.Errorf("without a secret: %v", err)
	}
	h := http.Header{}
	Sign(h, "id", now, body, Secret{})
	if err := Verify(h, now, body, Secret{}); !errors.Is(err, ErrSignature) {
		t.Errorf("with an empty secret: %v", err)
	}
}

func TestAnyChangeIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		s := secret(t, rapid.IntRange(24, 64).Draw(t, "length"), 'x')
		body := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "body")
		h := http.Header{}
		Sign(h, "id", now, body, s)
		if err := Verify(h, now, body, s); err != nil {
			t.Fatal(err)
		}
		body[rapid.IntRange(0, len(body)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if err := Verify(h, now, body, s); !errors.Is(err, ErrSignature) {
			t.Fatal(err)
		}
	})
}
