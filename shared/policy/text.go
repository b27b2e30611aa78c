package policy

import (
	"strings"

	"puente/shared/envelope"
	"puente/shared/problem"
	"puente/shared/telemetry"
	"puente/shared/typology"
)

// Caller is who asks, as answers echo it: what the envelope says, and in a request that needs none
// the system and correlation that were settled.
func (x *Exchange) Caller() envelope.Header {
	if op := x.Route.Operation; x.Header.Enveloped || op != nil && op.EnvelopeRequired {
		return x.Header
	}
	return envelope.Header{System: x.Principal.System, Correlation: x.correlation}
}

// maxValue bounds what of a request a text repeats, in bytes.
const maxValue = 64

// texts finds what the typologies say of a code to x's system; phone is how {phone} shows.
func (x *Exchange) texts(phone func(string) string) func(code string) (problem.Text, bool) {
	d := x.Route.Texts
	if d == nil {
		return nil
	}
	value := func(name string) string {
		text := string(member(x.Body, name))
		return strings.ToValidUTF8(text[:min(len(text), maxValue)], "") // no half character at its end
	}
	return func(code string) (problem.Text, bool) {
		text, ok := x.typologies.Snapshot().Find(x.Route.API, d, x.Principal.System, code)
		if !ok {
			return text, false
		}
		return typology.Fill(text, typology.Values{
			Correlation: x.Caller().Correlation, Phone: phone(value(d.Phone)), Document: telemetry.MaskDocument(value(d.Document)),
		}), true
	}
}

func plain(s string) string { return s }
