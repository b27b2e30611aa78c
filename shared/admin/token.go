package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"puente/shared/config"
)

// Role says what an actor may do. Each role may do what those before it may.
type Role uint8

// The roles: Viewer reads, Operator also changes what its resource leaves to operators (switches),
// Admin everything.
const (
	Viewer Role = iota + 1
	Operator
	Admin
)

var roles = map[Role]string{Viewer: "viewer", Operator: "operator", Admin: "admin"}

func (r Role) String() string { return roles[r] }

// MarshalText writes the role's name.
func (r Role) MarshalText() ([]byte, error) { return []byte(roles[r]), nil }

// UnmarshalText reads a role's name.
func (r *Role) UnmarshalText(text []byte) error {
	for role, name := range roles {
		if name == string(text) {
			*r = role
			return nil
		}
	}
	return errors.New("role must be viewer, operator or admin")
}

// Config is section admin. Without tokens nobody is let in: there is no default credential.
type Config struct {
	Tokens  map[string]Token `yaml:"tokens"`  // by the name that the audit shows
	MaxBody int64            `yaml:"maxBody"` // bytes; zero: 1 MiB
}

// Token lets in who knows its secret.
type Token struct {
	Secret config.Secret `yaml:"secret"`
	Role   Role          `yaml:"role"`
}

const minSecret = 20 // characters; the secrets are machine-made

// Validate reports every token without a role or with a secret that could be guessed or is
// another's too.
func (c Config) Validate() error {
	var errs []error
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Tokens)) {
		t := c.Tokens[name]
		if roles[t.Role] == "" {
			errs = append(errs, fmt.Errorf("tokens.%s.role must be viewer, operator or admin", name))
		}
		if len(t.Secret.Reveal()) < minSecret {
			errs = append(errs, fmt.Errorf("tokens.%s.secret must have at least %d characters", name, minSecret))
		} else if other, taken := owner[t.Secret.Reveal()]; taken {
			errs = append(errs, fmt.Errorf("tokens.%s.secret is that of %s", name, other))
		}
		owner[t.Secret.Reveal()] = name
	}
	if c.MaxBody < 0 {
		errs = append(errs, errors.New("maxBody must not be negative"))
	}
	return errors.Join(errs...)
}

// keyed is a token as requests are compared with it: by digest, so that neither the length nor a
// common prefix of a wrong secret shows in the time taken.
type keyed struct {
	actor Actor
	sum   [sha256.Size]byte
}

type tokens []keyed

func newTokens(c Config) tokens {
	var all tokens
	for name, t := range c.Tokens {
		if !t.Secret.IsZero() {
			all = append(all, keyed{Actor{Name: name, Role: t.Role}, sha256.Sum256([]byte(t.Secret.Reveal()))})
		}
	}
	return all
}

// actor finds who sent r (RFC 6750 §2.1, the header only). Every token is compared each time.
func (all tokens) actor(r *http.Request) (Actor, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return Actor{}, false
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	sum := sha256.Sum256([]byte(secret))
	found := -1
	for i := range all {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], all[i].sum[:]), i, found)
	}
	if found < 0 || !strings.EqualFold(scheme, "Bearer") {
		return Actor{}, false
	}
	return all[found].actor, true
}
