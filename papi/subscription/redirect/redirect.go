// Package redirect makes and reads the redirect token: who has just subscribed to what, told to a partner in the
// query of the redirect to its site (partner hub specification §7.1, §8).
//
// A token is a login hint that passes through the customer's browser. It lives 300 seconds, and the partner
// confirms it against its own notifications. It says MSISDN, product, tracking id and, unless the partner's
// profile is untimed, the moment: msisdn#productId#tid[#epochMillis], where an absent tid is an empty part.
//
// What fails fails alike: Open has one error, whatever was wrong. Two things are the caller's, for they want
// its tables: that the product is one of the partner's, and that a token is used once (see Hash).
package redirect

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Scheme is how a partner's tokens are sealed; its values are those of the setting tokenScheme.
type Scheme string

// The schemes.
const (
	GCM Scheme = "gcm"          // the default, for every new partner
	ECB Scheme = "ecb-pkcs5"    // see ecb
	CBC Scheme = "cbc-pkcs5-iv" // see cbc
)

// Key is one of a partner's. Its ID goes into tokens of scheme gcm.
type Key struct {
	ID     string
	Secret []byte `json:"-"` // 32 bytes for gcm; 16, 24 or 32 for the others
}

// String and GoString keep the secret out of logs (invariant 24).
func (k Key) String() string   { return "key " + k.ID }
func (k Key) GoString() string { return k.String() }

// Profile is how one partner's tokens are made.
type Profile struct {
	Scheme  Scheme // empty: gcm
	Keys    []Key  // the first seals, all open; two during a rotation
	Partner int64
	Untimed bool                // setting tokenTimestamp off: three parts; never with gcm
	MSISDN  func(s string) bool // the rule of the country, and of the numbers a sandbox allows beside it
	Age     time.Duration       // the longest a token lives; 0: 300 s
	Skew    time.Duration       // how far a token may come from the future; 0: 60 s
}

// Claims are what a token says.
type Claims struct {
	MSISDN    string
	ProductID int64
	TID       string    // empty: none
	At        time.Time // to the millisecond; of an untimed token it is zero
}

// ErrInvalid is every failure of Open.
var ErrInvalid = errors.New("redirect: the token is not valid")

// most is longer than the longest token of any scheme: what is longer is not looked at.
const most = 512

// keysMost is what §8 lets live at a time.
const keysMost = 2

var keyID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// Tokens seals and opens the tokens of one partner.
type Tokens struct {
	profile Profile
	sealer  sealer
	random  io.Reader // of nonces and IVs; a test of the published vectors alone puts something else here
}

// A sealer is a scheme under a partner's keys.
type sealer interface {
	seal(plain []byte, random io.Reader) (string, error)
	// open gives what the token says under each key that may have sealed it.
	open(token string) [][]byte
}

// New checks a profile and makes its keys ready.
func New(p Profile) (*Tokens, error) {
	if p.Scheme == "" {
		p.Scheme = GCM
	}
	if p.Age == 0 {
		p.Age = 300 * time.Second
	}
	if p.Skew == 0 {
		p.Skew = time.Minute
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("redirect: %w", err)
	}
	t := &Tokens{profile: p, random: rand.Reader}
	var err error
	switch p.Scheme {
	case GCM:
		t.sealer, err = newGCM(p.Keys, p.Partner)
	case ECB:
		t.sealer, err = newECB(p.Keys)
	default:
		t.sealer, err = newCBC(p.Keys)
	}
	if err != nil {
		return nil, fmt.Errorf("redirect: %w", err)
	}
	return t, nil
}

func (p Profile) check() error {
	switch {
	case p.Scheme != GCM && p.Scheme != ECB && p.Scheme != CBC:
		return fmt.Errorf("tokenScheme: must be %s, %s or %s", GCM, ECB, CBC)
	case p.Partner <= 0:
		return errors.New("partnerId: must be above 0")
	case p.MSISDN == nil:
		return errors.New("MSISDN: needs a rule")
	case p.Age < 0:
		return errors.New("age: must be above 0")
	case p.Skew < 0:
		return errors.New("skew: must be above 0")
	case p.Scheme == GCM && p.Untimed:
		return errors.New("tokenTimestamp: must be on with gcm")
	case len(p.Keys) < 1 || len(p.Keys) > keysMost:
		return fmt.Errorf("keys: must be 1 to %d", keysMost)
	}
	for i, k := range p.Keys {
		if !keyID.MatchString(k.ID) {
			return fmt.Errorf("keys[%d].id: must match %s", i, keyID)
		}
		if n := len(k.Secret); n != 32 && (p.Scheme == GCM || n != 16 && n != 24) {
			return fmt.Errorf("keys[%d].secret: must be 32 bytes, or with another scheme than gcm also 16 or 24", i)
		}
		for _, other := range p.Keys[:i] {
			// One secret under two ids would give one gcm token two texts, and each text its own single use.
			if other.ID == k.ID || subtle.ConstantTimeCompare(other.Secret, k.Secret) == 1 {
				return fmt.Errorf("keys[%d]: must differ from the others in id and secret", i)
			}
		}
	}
	return nil
}

// Seal is the token for these claims: the value of the query's parameter before percent-encoding. Whoever builds
// the URL encodes it, as url.Values does; the Base64 of the compatible schemes has + and /, which must not stand
// in a query as they are.
func (t *Tokens) Seal(c Claims) (string, error) {
	plain, err := t.profile.text(c)
	if err != nil {
		return "", fmt.Errorf("redirect: %w", err)
	}
	return t.sealer.seal(plain, t.random)
}

// Open reads a token as it stands in the query's parameter after percent-decoding, which is to be done once: to
// decode again makes a space of each +, which is why a space is read as +.
func (t *Tokens) Open(token string, now time.Time) (Claims, error) {
	if len(token) > most {
		return Claims{}, ErrInvalid
	}
	// Each key does its whole work, whether or not another has fitted: which one did is nobody's to measure.
	var found Claims
	fits := 0
	for _, plain := range t.sealer.open(unspaced(token)) {
		if c, ok := t.profile.parse(string(plain)); ok {
			found = c
			fits++
		}
	}
	if fits != 1 || !t.profile.fresh(found.At, now) {
		return Claims{}, ErrInvalid
	}
	return found, nil
}

// Hash names a token among those that were used: of all the spellings that Open takes for one token it is the
// same. It is taken after Open, for what does not open has no use. With the schemes that are not authenticated,
// somebody who holds a token can make others of it (see ecb and cbc), each with its own hash.
func Hash(token string) [sha256.Size]byte {
	return sha256.Sum256([]byte(unspaced(token)))
}

// unspaced undoes one percent-decoding too many. No scheme has a space of its own.
func unspaced(token string) string { return strings.ReplaceAll(token, " ", "+") }
