// Package phone knows the mobile numbers of the countries that the platform serves: the MSISDN, which is
// E.164 without its +, and what people and programs write instead. A number's prefix does not tell whose
// it is, for numbers are ported.
package phone

import (
	"errors"
	"strings"
	"unicode"

	"puente/shared/telemetry"
)

// Country is one whose mobile numbers are known, by ISO 3166.
type Country string

// The countries. In both a mobile number is 9 and eight more digits.
const (
	Chile Country = "CL"
	Peru  Country = "PE"
)

// codes are the countries' codes of E.164.
var codes = map[Country]string{Chile: "56", Peru: "51"}

const (
	length   = 11 // of an MSISDN: code and national number
	national = 9  // of a national number, whose first digit is mobile
	mobile   = '9'
	most     = 64 // bytes of what somebody may have meant as a number
)

// UnmarshalText refuses a country that is not known: a configuration's typing error.
func (c *Country) UnmarshalText(text []byte) error {
	if _, ok := codes[Country(text)]; !ok {
		return errors.New("must be CL or PE")
	}
	*c = Country(text)
	return nil
}

// Canonical reports whether s is an MSISDN of the country in the form in which it is kept and compared:
// 56912345678.
func (c Country) Canonical(s string) bool {
	code, ok := codes[c]
	return ok && len(s) == length && strings.HasPrefix(s, code) && isNational(s[len(code):])
}

// Parse is the MSISDN that a program wrote: one + or 00 in front does not count, all else must be right.
func (c Country) Parse(s string) (msisdn string, ok bool) {
	s, _ = international(s)
	if !c.Canonical(s) {
		return "", false
	}
	return s, true
}

// ParseTyped is the MSISDN that a person typed: beside what Parse takes, spaces and dashes do not count,
// and the national number alone will do.
func (c Country) ParseTyped(s string) (msisdn string, ok bool) {
	if len(s) > most {
		return "", false
	}
	s, prefixed := international(strings.Map(withoutSeparators, s))
	if code, known := codes[c]; known && !prefixed && isNational(s) {
		return code + s, true
	}
	if !c.Canonical(s) {
		return "", false
	}
	return s, true
}

// Mask hides the middle of a number, for people to recognise it by: 569****5678. Of anything else it
// leaves less: see telemetry.Mask.
func Mask(s string) string {
	if !Chile.Canonical(s) && !Peru.Canonical(s) {
		return telemetry.Mask(s)
	}
	return s[:3] + "****" + s[len(s)-4:]
}

// international is s without the prefix of an international number.
func international(s string) (rest string, prefixed bool) {
	if rest, prefixed = strings.CutPrefix(s, "+"); prefixed {
		return rest, true
	}
	return strings.CutPrefix(s, "00")
}

func isNational(s string) bool {
	if len(s) != national || s[0] != mobile {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// withoutSeparators drops spaces and dashes, those too that come with a pasted text.
func withoutSeparators(r rune) rune {
	if r == '\t' || r == '\u2212' || unicode.In(r, unicode.Zs, unicode.Pd) {
		return -1
	}
	return r
}
