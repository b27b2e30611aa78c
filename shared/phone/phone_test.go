package phone

import (
	"regexp"
	"strings"
	"testing"
)

// Every number below is tried as a program's and as a person's; empty: refused.
func TestParse(t *testing.T) {
	for _, test := range []struct{ country, written, program, person string }{
		{"CL", "56912345678", "56912345678", "56912345678"},
		{"CL", "+56912345678", "56912345678", "56912345678"},
		{"CL", "0056912345678", "56912345678", "56912345678"},
		{"PE", "51912345678", "51912345678", "51912345678"},
		{"PE", "+51912345678", "51912345678", "51912345678"},

		{"CL", "51912345678", "", ""}, // another country's
		{"PE", "56912345678", "", ""},
		{"CL", "56212345678", "", ""}, // not mobile
		{"CL", "5691234567", "", ""},
		{"CL", "569123456789", "", ""},
		{"CL", "5611111111", "", ""}, // the document's dummies
		{"CL", "560000000000", "", ""},
		{"CL", "", "", ""},
		{"CL", "+", "", ""},
		{"CL", "00", "", ""},

		{"CL", "++56912345678", "", ""}, // one prefix, not two
		{"CL", "+0056912345678", "", ""},
		{"CL", "000056912345678", "", ""},
		{"CL", "00+56912345678", "", ""},
		{"CL", "056912345678", "", ""},

		{"CL", "912345678", "", "56912345678"}, // the national form
		{"PE", "912345678", "", "51912345678"},
		{"CL", "812345678", "", ""},
		{"CL", "91234567", "", ""},
		{"CL", "+912345678", "", ""}, // +91 is India's
		{"CL", "00912345678", "", ""},

		{"CL", " 56912345678", "", "56912345678"},
		{"CL", "56912345678\n", "", ""},
		{"CL", "+56 9 1234-5678", "", "56912345678"},
		{"CL", "+ 56912345678", "", "56912345678"},
		{"CL", "0 0 56912345678", "", "56912345678"},
		{"CL", "9 1234 5678", "", "56912345678"},
		{"CL", "9\u00a01234\u20115678", "", "56912345678"}, // no-break space and hyphen
		{"CL", "9\u22121234\t5678", "", "56912345678"},
		{"CL", "(56) 912345678", "", ""},
		{"CL", "9.1234.5678", "", ""},
		{"CL", "5691234567８", "", ""}, // a digit, but not one of ASCII
		{"CL", "5691234567a", "", ""},
		{"CL", "56912345678;ext=1", "", ""},
		{"CL", strings.Repeat(" ", 100) + "56912345678", "", ""},

		{"AR", "56912345678", "", ""}, // a country that is not known
		{"AR", "912345678", "", ""},
		{"", "912345678", "", ""},
	} {
		c := Country(test.country)
		if got, ok := c.Parse(test.written); got != test.program || ok != (test.program != "") {
			t.Errorf("%s: Parse(%q) = %q, %t", c, test.written, got, ok)
		}
		if got, ok := c.ParseTyped(test.written); got != test.person || ok != (test.person != "") {
			t.Errorf("%s: ParseTyped(%q) = %q, %t", c, test.written, got, ok)
		}
	}
}

func TestMask(t *testing.T) {
	for s, want := range map[string]string{
		"56912345678": "569****5678", "51987654321": "519****4321",
		"+56912345678": "********5678", "5611111111": "******1111", "1234567": "*******", "": "",
	} {
		if got := Mask(s); got != want {
			t.Errorf("Mask(%q) = %q, not %q", s, got, want)
		}
	}
}

func TestCountryInAConfiguration(t *testing.T) {
	var c Country
	if err := c.UnmarshalText([]byte("PE")); err != nil || c != Peru {
		t.Error(c, err)
	}
	for _, text := range []string{"", "pe", "AR"} {
		if err := c.UnmarshalText([]byte(text)); err == nil || c != Peru {
			t.Error(text, c, err)
		}
	}
}

// The rules as the document writes them.
var canonical = map[Country]*regexp.Regexp{Chile: regexp.MustCompile(`^569\d{8}$`), Peru: regexp.MustCompile(`^519\d{8}$`)}

// Whatever is written, what comes out is canonical, says the same digits, and stays itself; what a program
// may write a person may, too.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"56912345678", "+51912345678", "0056912345678", "9 1234-5678", "+56 9 1234 5678", "000", "++", "9\u22121234 5678", "900000000", "\xff"} {
		f.Add(s)
	}
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for c, rule := range canonical {
			if c.Canonical(s) != rule.MatchString(s) {
				t.Fatalf("%s: %q canonical: %t", c, s, c.Canonical(s))
			}
			program, ok := c.Parse(s)
			if want := regexp.MustCompile(`^(\+|00)?`).ReplaceAllString(s, ""); ok != rule.MatchString(want) || ok && program != want {
				t.Fatalf("%s: Parse(%q) = %q, %t", c, s, program, ok)
			}
			person, typed := c.ParseTyped(s)
			if ok && (!typed || person != program) {
				t.Fatalf("%s: %q is %q of a program and %q, %t of a person", c, s, program, person, typed)
			}
			if !typed {
				continue
			}
			again, ok := c.ParseTyped(person)
			if !rule.MatchString(person) || !strings.HasSuffix(digits(s), person[2:]) || !ok || again != person {
				t.Fatalf("%s: ParseTyped(%q) = %q", c, s, person)
			}
			if masked := Mask(person); masked != person[:3]+"****"+person[7:] {
				t.Fatalf("masked %q", masked)
			}
		}
	})
}
