package hop

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"puente/shared/problem"
)

func TestServiceToken(t *testing.T) {
	s := services(t)
	other, err := NewServices([]byte("another key, of the same length."))
	if err != nil {
		t.Fatal(err)
	}
	body, principal := []byte(`{"text":"x"}`), Principal{Client: "tienda", System: "TIENDA", Channel: "web"}
	token, nonce := s.Sign("xapi", "sapi", "POST /secrets", body, principal)

	caller, gotNonce, p, err := s.Caller(token, "sapi", "POST /secrets", body)
	if err != nil || caller != "xapi" || gotNonce != nonce || p != principal {
		t.Fatal(caller, gotNonce, p, err)
	}
	payload, sum, _ := strings.Cut(strings.TrimPrefix(token, scheme), ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), "TIENDA", "MAX", 1)))
	foreign, _ := other.Sign("xapi", "sapi", "POST /secrets", body, principal)
	for name, c := range map[string]struct{ token, layer, request, body string }{
		"another body":         {token, "sapi", "POST /secrets", `{"text":"y"}`},
		"no body":              {token, "sapi", "POST /secrets", ""},
		"another method":       {token, "sapi", "PUT /secrets", string(body)},
		"another path":         {token, "sapi", "POST /lines", string(body)},
		"another query":        {token, "sapi", "POST /secrets?a=b", string(body)},
		"another layer":        {token, "papi", "POST /secrets", string(body)},
		"another key":          {foreign, "sapi", "POST /secrets", string(body)},
		"another principal":    {scheme + forged + "." + sum, "sapi", "POST /secrets", string(body)},
		"no signature":         {scheme + payload, "sapi", "POST /secrets", string(body)},
		"an empty signature":   {scheme + payload + ".", "sapi", "POST /secrets", string(body)},
		"another scheme":       {"Bearer " + payload + "." + sum, "sapi", "POST /secrets", string(body)},
		"the border moved":     {token, "sapi", "POST /secrets\x00", string(body)},
		"an answer as a token": {scheme + payload + "." + s.Answer(payload, 200, body), "sapi", "POST /secrets", string(body)},
		"nothing":              {"", "sapi", "POST /secrets", string(body)},
	} {
		if _, _, p, err := s.Caller(c.token, c.layer, c.request, []byte(c.body)); !errors.Is(err, problem.Unauthenticated) || p != (Principal{}) {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

// A key is replaced in three steps, each rolled out while the one before is still running: it is accepted, it signs,
// the old one goes. Whoever calls whom meanwhile is understood, and so is the answer.
func TestServiceKeysAreReplaced(t *testing.T) {
	old, fresh := []byte("the key there was before, 32 bytes"), []byte("the key that comes after: 32 bytes")
	var steps []*Services
	for _, keys := range [][][]byte{{old}, {old, fresh}, {fresh, old}, {fresh}} {
		s, err := NewServices(keys[0], keys[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, s)
	}
	understood := func(caller, called *Services) bool {
		token, nonce := caller.Sign("xapi", "sapi", "GET /", nil, Principal{})
		_, _, _, err := called.Caller(token, "sapi", "GET /", nil)
		return err == nil && caller.Answered(nonce, 200, nil, called.Answer(nonce, 200, nil))
	}
	for i := range steps {
		for j := range steps {
			if got, want := understood(steps[i], steps[j]), max(i-j, j-i) <= 1; got != want {
				t.Errorf("step %d calls step %d: %v", i, j, got)
			}
		}
	}
	if _, err := NewServices(old, fresh[:31]); err == nil {
		t.Error("a short key is accepted")
	}
}

func TestServiceTokenGrowsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := services(t)
		token, _ := s.Sign("xapi", "sapi", "GET /", nil, Principal{})
		valid := func() bool { _, _, _, err := s.Caller(token, "sapi", "GET /", nil); return err == nil }
		time.Sleep(tokenLife)
		if !valid() {
			t.Error("refused at the end of its life")
		}
		time.Sleep(time.Second)
		if valid() {
			t.Error("accepted beyond its life")
		}
	})
}

// Clocks of replicas differ: a token from the future is as good as one as old, and no better.
func TestServiceTokenFromTheFuture(t *testing.T) {
	s, ahead := services(t), services(t)
	for by, want := range map[time.Duration]bool{tokenLife - time.Second: true, tokenLife + 2*time.Second: false} {
		ahead.now = func() time.Time { return time.Now().Add(by) }
		token, _ := ahead.Sign("xapi", "sapi", "GET /", nil, Principal{})
		if _, _, _, err := s.Caller(token, "sapi", "GET /", nil); (err == nil) != want {
			t.Errorf("%v ahead: %v", by, err)
		}
	}
}

func TestEachCallHasItsNonce(t *testing.T) {
	s := services(t)
	_, a := s.Sign("xapi", "sapi", "GET /", nil, Principal{})
	_, b := s.Sign("xapi", "sapi", "GET /", nil, Principal{})
	if a == b || len(a) < 20 {
		t.Errorf("%q %q", a, b)
	}
}

func TestServiceKeyMustBeLong(t *testing.T) {
	if _, err := NewServices(make([]byte, 31)); err == nil {
		t.Error("31 bytes are accepted")
	}
}
