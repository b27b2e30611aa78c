package hop

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"puente/shared/problem"
)

// tokenLife bounds the age of a service token; clocks of replicas may differ by as much.
const tokenLife = 30 * time.Second

const scheme = "Puente "

// Services authenticates the layers to each other when they are separate processes. A call
// carries a token over caller, layer, method, target, body and principal; its answer carries a
// proof over the call's nonce, status and body. Both are HMAC-SHA256 under one shared key.
type Services struct {
	keys []*sync.Pool // of MACs; the first signs, all verify
	now  func() time.Time
}

// NewServices signs by key, which all processes of one installation share, and trusts what is signed by one of the
// accepted, too, so that a key can be replaced while everything runs. Each has at least 32 bytes.
func NewServices(key []byte, accepted ...[]byte) (*Services, error) {
	s := &Services{now: time.Now}
	for _, key := range append([][]byte{key}, accepted...) {
		if len(key) < 32 {
			return nil, fmt.Errorf("service key: %d bytes, need at least 32", len(key))
		}
		key = append([]byte(nil), key...)
		s.keys = append(s.keys, &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }})
	}
	return s, nil
}

type claims struct {
	Caller    string    `json:"iss"`
	Layer     string    `json:"aud"`
	Issued    int64     `json:"iat"` // Unix seconds
	Nonce     string    `json:"jti"`
	Principal Principal `json:"sub"`
}

// Sign makes the Authorization value of a call, and the nonce that its answer must prove.
func (s *Services) Sign(caller, layer, request string, body []byte, p Principal) (token, nonce string) {
	nonce = rand.Text()
	text, err := json.Marshal(claims{caller, layer, s.now().Unix(), nonce, p})
	if err != nil { // strings only: cannot happen
		panic(err)
	}
	payload := base64.RawURLEncoding.EncodeToString(text)
	return scheme + payload + "." + mac(s.keys[0], "call", payload, request, body), nonce
}

// Caller verifies the Authorization value of a call to layer, and tells on whose behalf it is.
func (s *Services) Caller(authorization, layer, request string, body []byte) (caller, nonce string, p Principal, err error) {
	token, ok := strings.CutPrefix(authorization, scheme)
	payload, sum, dot := strings.Cut(token, ".")
	if !ok || !dot || !s.made(sum, "call", payload, request, body) {
		return "", "", p, problem.Errorf(problem.Unauthenticated, "no valid service token")
	}
	text, err := base64.RawURLEncoding.DecodeString(payload)
	var c claims
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return "", "", p, problem.Errorf(problem.Unauthenticated, "service token: %w", err)
	}
	if age := s.now().Sub(time.Unix(c.Issued, 0)); c.Layer != layer || age > tokenLife || age < -tokenLife {
		return "", "", p, problem.Errorf(problem.Unauthenticated, "service token for %s, %s old", c.Layer, age)
	}
	return c.Caller, c.Nonce, c.Principal, nil
}

// Answer is the proof that a service of ours answered the call with that nonce.
func (s *Services) Answer(nonce string, status int, body []byte) string {
	return mac(s.keys[0], "answer", nonce, strconv.Itoa(status), body)
}

// Answered reports whether proof is that of Answer.
func (s *Services) Answered(nonce string, status int, body []byte, proof string) bool {
	return s.made(proof, "answer", nonce, strconv.Itoa(status), body)
}

// made reports whether sum was made by one of the keys.
func (s *Services) made(sum, use, first, second string, body []byte) bool {
	for _, key := range s.keys {
		if equal(sum, mac(key, use, first, second, body)) {
			return true
		}
	}
	return false
}

func mac(key *sync.Pool, use, first, second string, body []byte) string {
	h := key.Get().(hash.Hash)
	defer key.Put(h)
	h.Reset()
	for _, part := range []string{use, first, second} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(body)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
