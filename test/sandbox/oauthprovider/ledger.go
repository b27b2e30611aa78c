package oauthprovider

import (
	"crypto/sha256"
	"sync"
	"time"
)

// Ledger is what GET /_sandbox/ledger/oauth shows.
type Ledger struct {
	Tokens []Token `json:"tokens"`
}

// Token is an access token that was issued; the token itself is not kept, only its hash.
type Token struct {
	ID        string    `json:"jti"`
	ClientID  string    `json:"clientId"`
	Scope     string    `json:"scope"`
	Audience  []string  `json:"audience"`
	Format    Format    `json:"format"`
	IssuedAt  time.Time `json:"issuedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Revoked   bool      `json:"revoked"`
}

// tokens remembers the newest tokens, opaque ones for introspection and all for the ledger.
type tokens struct {
	limit int

	mu      sync.Mutex
	newest  []*issued // oldest first
	shown   int64     // the ledger begins with this number
	next    int64
	opaque  map[[sha256.Size]byte]*issued
	revoked map[string]time.Time // JWTs by jti, until they would have expired
}

type issued struct {
	Token
	number int64
	hash   [sha256.Size]byte
}

func newTokens(limit int) *tokens {
	return &tokens{limit: limit, opaque: map[[sha256.Size]byte]*issued{}, revoked: map[string]time.Time{}}
}

// add remembers t, whose text only its holder keeps, and forgets the oldest where there are too many.
func (s *tokens) add(text string, t Token, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := &issued{Token: t, number: s.next, hash: sha256.Sum256([]byte(text))}
	s.next++
	s.newest = append(s.newest, i)
	if t.Format == Opaque {
		s.opaque[i.hash] = i
	}
	for len(s.newest) > s.limit {
		delete(s.opaque, s.newest[0].hash)
		s.newest[0] = nil
		s.newest = s.newest[1:]
	}
}

// lookUp is the opaque token of that text, if it is still good.
func (s *tokens) lookUp(text string, now time.Time) (Token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.opaque[sha256.Sum256([]byte(text))]
	if i == nil || i.Revoked || !now.Before(i.ExpiresAt) {
		return Token{}, false
	}
	return i.Token, true
}

// revoke takes t back.
func (s *tokens) revoke(t Token, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, expiry := range s.revoked {
		if !now.Before(expiry) {
			delete(s.revoked, id)
		}
	}
	s.revoked[t.ID] = t.ExpiresAt
	for _, i := range s.newest {
		if i.ID == t.ID {
			i.Revoked = true
		}
	}
}

func (s *tokens) isRevoked(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, revoked := s.revoked[id]
	return revoked
}

func (s *tokens) ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := Ledger{Tokens: []Token{}}
	for _, i := range s.newest {
		if i.number >= s.shown {
			l.Tokens = append(l.Tokens, i.Token)
		}
	}
	return l
}

// reset empties the ledger and forgets revocations; tokens stay good.
func (s *tokens) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = s.next
	clear(s.revoked)
	for _, i := range s.newest {
		i.Revoked = false
	}
}
