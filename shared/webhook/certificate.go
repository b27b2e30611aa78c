package webhook

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"puente/shared/config"
	"puente/shared/httpclient"
)

// Certificate is a client's, with its key, both PEM; the chain's own certificate comes first.
type Certificate struct {
	Chain config.Secret
	Key   config.Secret
}

// IsZero reports that there is none.
func (c Certificate) IsZero() bool { return c.Chain.IsZero() && c.Key.IsZero() }

// ParseCertificate reads a certificate that a client may use, with its key. Its errors do not repeat either.
func ParseCertificate(chain, key string) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair([]byte(chain), []byte(key))
	if err != nil { // the parser's text may repeat what it read
		return tls.Certificate{}, errors.New("must be a certificate and its key, PEM")
	}
	usages := pair.Leaf.ExtKeyUsage
	if len(usages)+len(pair.Leaf.UnknownExtKeyUsage) > 0 && !slices.Contains(usages, x509.ExtKeyUsageClientAuth) && !slices.Contains(usages, x509.ExtKeyUsageAny) {
		return tls.Certificate{}, errors.New("must be a certificate for clients (extended key usage clientAuth)")
	}
	return pair, nil
}

// Validity is from when and until when all certificates of a chain are good. It is zero where that cannot be read.
func Validity(chain string) (since, until time.Time) {
	for rest := []byte(chain); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return since, until
		}
		if block.Type != "CERTIFICATE" { // as tls.X509KeyPair passes it over
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}, time.Time{}
		}
		if c.NotBefore.After(since) {
			since = c.NotBefore
		}
		if until.IsZero() || c.NotAfter.Before(until) {
			until = c.NotAfter
		}
	}
}

// mostIdentities is how many certificates have connections of their own at a time.
const mostIdentities = 1024

// identities are the ways out under certificates. The zero value has none.
type identities struct {
	mu   sync.Mutex
	ways map[[32]byte]identity
}

type identity struct {
	client *httpclient.Client
	way    http.RoundTripper
}

// way is the way out to who knows us by a certificate; without one the way that all share.
func (s *Sender) way(c Certificate) (http.RoundTripper, error) {
	if c.IsZero() {
		return s.http, nil
	}
	name := sha256.Sum256([]byte(c.Chain.Reveal() + "\x00" + c.Key.Reveal()))
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	if known, ok := s.known.ways[name]; ok {
		return known.way, nil
	}
	pair, err := ParseCertificate(c.Chain.Reveal(), c.Key.Reveal())
	if err != nil {
		return nil, err
	}
	if len(s.known.ways) >= mostIdentities { // those that were replaced are never used again; the others begin anew
		for _, old := range s.known.ways {
			old.client.Close()
		}
		s.known.ways = nil
	}
	if s.known.ways == nil {
		s.known.ways = map[[32]byte]identity{}
	}
	client := s.client.As(pair)
	known := identity{client, client.Operation(operation, httpclient.Safe)}
	s.known.ways[name] = known
	return known.way, nil
}
