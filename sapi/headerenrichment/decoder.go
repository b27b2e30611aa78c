package headerenrichment

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// Decoder is how an operator writes a number into a header. The zero value is Plain.
type Decoder string

// The decoders. An alias, which only a system of the operator's can turn into a number, has none.
const (
	Plain  Decoder = "plain"
	Hex    Decoder = "hex"    // of the digits as text: 3536393132333435363738
	Base64 Decoder = "base64" // the same; either alphabet, padded or not
)

// maxValue is the longest value that may hold a number, in bytes.
const maxValue = 256

// UnmarshalText refuses what there is no decoder for.
func (d *Decoder) UnmarshalText(text []byte) error {
	switch v := Decoder(text); v {
	case Plain, Hex, Base64:
		*d = v
		return nil
	}
	return errors.New("must be plain, hex or base64")
}

// toStandard is the alphabet of RFC 4648 §5 in that of §4.
var toStandard = strings.NewReplacer("-", "+", "_", "/")

// decode is the text of a value; not ok: it is not of this form.
func (d Decoder) decode(value string) (text string, ok bool) {
	if len(value) > maxValue {
		return "", false
	}
	var decoded []byte
	var err error
	switch d {
	case Hex:
		decoded, err = hex.DecodeString(value)
	case Base64:
		standard := toStandard.Replace(strings.TrimRight(value, "="))
		padding := len(value) - len(standard)
		if padding > 2 || padding > 0 && len(value)%4 != 0 || strings.ContainsAny(value, "\r\n") { // which the package skips
			return "", false
		}
		decoded, err = base64.RawStdEncoding.Strict().DecodeString(standard)
	default:
		return value, true
	}
	return string(decoded), err == nil
}
