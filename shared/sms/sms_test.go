package sms

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTheAlphabetIsThatOfTheStandard(t *testing.T) {
	if n := utf8.RuneCountInString(alphabet); n != 127 { // 128 positions, one of them the escape
		t.Errorf("the default alphabet has %d characters", n)
	}
	if len(sizes) != 127+9 {
		t.Errorf("%d characters, or one is there twice", len(sizes))
	}
	position := func(r rune) int { return len([]rune(alphabet[:strings.IndexRune(alphabet, r)])) }
	for r, want := range map[rune]int{'@': 0, '\n': 0x0a, '\r': 0x0d, 'Δ': 0x10, 'Ξ': 0x1a, 'Æ': 0x1c - 1, ' ': 0x20 - 1, '¤': 0x24 - 1, '¡': 0x40 - 1, 'Ñ': 0x5d - 1, '¿': 0x60 - 1, 'à': 0x7f - 1} {
		if got := position(r); got != want {
			t.Errorf("%q is at %d, not %d", r, got, want)
		}
	}
}

func TestEncode(t *testing.T) {
	a := strings.Repeat
	for name, test := range map[string]struct {
		text     string
		ucs2     bool
		encoding Encoding
		want     string // empty: the text
		segments int
	}{
		"plain":                      {"Tu PIN es 123456", false, GSM7, "", 1},
		"empty":                      {"", false, GSM7, "", 1},
		"Spanish that it has":        {"¡Hola! ¿Señal del niño? Él pagará", false, GSM7, "¡Hola! ¿Señal del niño? Él pagara", 1},
		"É is in the alphabet":       {"MÉXICO", true, GSM7, "", 1},
		"Spanish that it lacks":      {"Suscripción más fácil aquí: Perú", false, GSM7, "Suscripcion mas facil aqui: Peru", 1},
		"the same in UCS-2":          {"Suscripción", true, UCS2, "", 1},
		"UCS-2 is not used in vain":  {"Señal é ü", true, GSM7, "", 1},
		"capitals":                   {"ÁÍÓÚ À Ç ç", false, GSM7, "AIOU A Ç c", 1},
		"typography":                 {"“Juegos” – ‘ya’ — $990… «sí»", false, GSM7, `"Juegos" - 'ya' - $990... "si"`, 1},
		"decomposed ñ":               {"an\u0303o", false, GSM7, "año", 1},
		"decomposed á":               {"ma\u0301s", true, UCS2, "más", 1},
		"no-break space":             {"$\u00a0990", false, GSM7, "$ 990", 1},
		"forms":                      {"ﬁn ½ ² ª № １２", false, GSM7, "fin 1/2 2 a No 12", 1},
		"emoji":                      {"👍🏽 ok ❤️", false, GSM7, "? ok ?", 1},
		"joined emoji":               {"👨‍👩‍👧", false, GSM7, "???", 1},
		"other letters":              {"Straße Łódź Привет", false, GSM7, "Straße Lodz ??????", 1},
		"controls":                   {"a\tb\x00c\r\nd\x1be\u0085", false, GSM7, "a bc\nde", 1},
		"not UTF-8":                  {"a\xffb", true, GSM7, "a?b", 1},
		"160":                        {a("a", 160), false, GSM7, "", 1},
		"161":                        {a("a", 161), false, GSM7, "", 2},
		"306":                        {a("a", 306), false, GSM7, "", 2},
		"307":                        {a("a", 307), false, GSM7, "", 3},
		"80 euro":                    {a("€", 80), false, GSM7, "", 1},
		"81 euro":                    {a("€", 81), false, GSM7, "", 2},
		"153 euro straddle":          {a("€", 153), false, GSM7, "", 3}, // 76 a segment, and one septet is left over
		"an escape is not cut":       {a("a", 152) + "€" + a("a", 152), false, GSM7, "", 3},
		"it fits one later":          {a("a", 151) + "€" + a("a", 153), false, GSM7, "", 2},
		"70 units":                   {a("á", 70), true, UCS2, "", 1},
		"71 units":                   {a("á", 71), true, UCS2, "", 2},
		"134 units":                  {a("á", 134), true, UCS2, "", 2},
		"135 units":                  {a("á", 135), true, UCS2, "", 3},
		"35 pairs":                   {a("😀", 35), true, UCS2, "", 1},
		"36 pairs":                   {a("😀", 36), true, UCS2, "", 2},
		"a pair is not cut":          {a("á", 66) + "😀" + a("á", 66), true, UCS2, "", 3},
		"a transliteration is short": {a("á", 160), false, GSM7, a("a", 160), 1},
	} {
		want := test.want
		if want == "" {
			want = test.text
		}
		if got := Encode(test.text, test.ucs2); got != (Message{test.encoding, want, test.segments}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// texts mixes what messages are made of with anything at all.
var texts = rapid.OneOf(
	rapid.String(),
	rapid.StringOfN(rapid.SampledFrom([]rune("aeñáÑÁ€[]^😀ç…“ \n\u0301")), 0, 400, -1),
	rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 300), func(b []byte) string { return string(b) }),
)

func TestSegmentsHoldWhatTheyMay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Encode(texts.Draw(t, "text"), rapid.Bool().Draw(t, "UCS-2"))
		length, single, part := func(s string) int { return len(utf16.Encode([]rune(s))) }, 70, 67
		size := units
		if m.Encoding == GSM7 {
			length, single, part = func(s string) int { return len([]rune(s)) + strings.Count(s, "€") + count(s, "[]^{}~|\\") }, 160, 153
			size = septets
			if !Encodable(m.Text) {
				t.Fatalf("%q is not in the alphabet", m.Text)
			}
		}
		parts := split(m.Text, size, single, part)
		if len(parts) != m.Segments || strings.Join(parts, "") != m.Text || !utf8.ValidString(m.Text) {
			t.Fatalf("%d parts for %d segments of %q", len(parts), m.Segments, m.Text)
		}
		if m.Segments == 1 {
			if length(m.Text) > single {
				t.Fatalf("%d in one message", length(m.Text))
			}
			return
		}
		if length(m.Text) <= single {
			t.Fatalf("%d segments for %d", m.Segments, length(m.Text))
		}
		for i, s := range parts {
			if !utf8.ValidString(s) || length(s) > part || s == "" {
				t.Fatalf("segment %q of %d", s, length(s))
			}
			if i < len(parts)-1 && length(s) < part-1 {
				t.Fatalf("segment %q is not full: %d", s, length(s))
			}
		}
	})
}

func count(s, of string) int {
	n := 0
	for _, r := range s {
		if strings.ContainsRune(of, r) {
			n++
		}
	}
	return n
}

func TestATransliterationIsEncodable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts.Draw(t, "text")
		got := Transliterate(text)
		if !Encodable(got) {
			t.Fatalf("%q became %q", text, got)
		}
		if again := Transliterate(got); again != got {
			t.Fatalf("%q became %q", got, again)
		}
	})
}

// Every character alone, so that no rule is missed that a random text does not meet.
func TestEveryCharacterHasAWriting(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if s := written(r); !Encodable(s) {
			t.Fatalf("%U is written %q", r, s)
		}
	}
	for r, s := range replacements {
		if septets(r) > 0 || !Encodable(s) {
			t.Errorf("%q needs no replacement, or %q has none", r, s)
		}
	}
}
