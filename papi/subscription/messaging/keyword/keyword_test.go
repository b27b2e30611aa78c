package keyword

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNormalise(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		" \t\n ":                "",
		"¡¿...!?":               "",
		"😀👍🏽":                   "",
		"  salir  ":             "SALIR",
		"¡Salir!":               "SALIR",
		"Cancelár":              "CANCELAR",
		"CANCELA\u0301R":        "CANCELAR",
		"niño":                  "NINO",
		"salir\u00a0 juegos":    "SALIR JUEGOS",
		"salir,juegos":          "SALIR JUEGOS",
		"salir\njuegos.":        "SALIR JUEGOS",
		"SA\u200bLIR":           "SALIR",
		"\ufeffsalir😀":          "SALIR",
		"ｓａｌｉｒ":                 "SALIR",
		"fútbol-24 \"premium\"": "FUTBOL 24 PREMIUM",
		"a\xffb":                "A B",
	} {
		if got := Normalise(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestNormaliseOnceIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		once := Normalise(text)
		if twice := Normalise(once); twice != once {
			t.Fatalf("%q, then %q", once, twice)
		}
	})
}

func TestParse(t *testing.T) {
	keywords := []string{"JUEGOS", "Juegos Pro", "MÚSICA"}
	all := func(said string) Result { return Result{Intent: CancelAll, Said: said} }
	every := func(said string) Result { return Result{Intent: CancelAll, All: true, Said: said} }
	one := func(k ...string) Result { return Result{Intent: Cancel, Keywords: k} }
	unknown := Result{Intent: Unknown}
	for text, want := range map[string]Result{
		"":                             unknown,
		"   ":                          unknown,
		"😀":                            unknown,
		"hola":                         unknown,
		"JUEGOS":                       unknown,
		"TODO":                         unknown,
		"no quiero salir hoy":          unknown,
		"salirme":                      unknown,
		"SALIR":                        all(""),
		"salir":                        all(""),
		"¡¡Baja!!":                     all(""),
		"stop 😡":                       all(""),
		"Cancelár":                     all(""),
		"fin.":                         all(""),
		"alto":                         all(""),
		"STOP STOP":                    all(""),
		"salir baja":                   all(""),
		"SALIR TODO":                   every(""),
		"todo, salir":                  every(""),
		"salir de todo":                every("DE"),
		"SALIR JUEGOS":                 one("JUEGOS"),
		"salir,juegos":                 one("JUEGOS"),
		"Juegos: ¡SALIR!":              one("JUEGOS"),
		"salir musica":                 one("MÚSICA"),
		"baja MÚSICA 🎵":                one("MÚSICA"),
		"salir juegos-pro":             one("Juegos Pro"),
		"SALIR DE JUEGOS PRO POR FA":   one("Juegos Pro"),
		"salir juegos y musica":        one("JUEGOS", "MÚSICA"),
		"salir musica, juegos, musica": one("MÚSICA", "JUEGOS"),
		"salir musica y todo":          every("Y"),
		"salir juego":                  all("JUEGO"),
		"quiero darme de baja":         all("QUIERO DARME DE"),
		"STOP JUEGOS STOP":             one("JUEGOS"),
	} {
		got := Parse(text, OptOut, All, keywords)
		if got.Intent != want.Intent || got.All != want.All || !slices.Equal(got.Keywords, want.Keywords) || got.Said != want.Said {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestTheLongestKeywordCounts(t *testing.T) {
	keywords := []string{"JUEGOS", "JUEGOS PRO", "JUEGOS PRO MAX"}
	for range 2 { // whichever comes first
		for _, k := range keywords {
			if got := Parse("salir "+k, OptOut, All, keywords); !slices.Equal(got.Keywords, []string{k}) {
				t.Errorf("of %v in %s: %+v", keywords, k, got)
			}
		}
		slices.Reverse(keywords)
	}
}

func TestTheShortCodesOwnWordsCount(t *testing.T) {
	if got := Parse("adiós", []string{"ADIOS"}, All, nil); got.Intent != CancelAll {
		t.Errorf("%+v", got)
	}
	if got := Parse("SALIR", []string{"ADIOS"}, All, nil); got.Intent != Unknown {
		t.Errorf("%+v", got)
	}
}

func TestTheShortCodesOwnWordForAllCounts(t *testing.T) {
	keywords := []string{"JUEGOS"}
	if got := Parse("salir juegos todas", OptOut, "Todás", keywords); got.Intent != CancelAll || !got.All {
		t.Errorf("%+v", got)
	}
	if got := Parse("salir todo", OptOut, "TODAS", keywords); got.Intent != CancelAll || got.All || got.Said != "TODO" {
		t.Errorf("%+v", got)
	}
}

// However it is decorated, an opt-out word at an end is understood.
func TestDecorationHidesNoOptOut(t *testing.T) {
	keywords := []string{"JUEGOS", "MÚSICA"}
	noise := rapid.StringOfN(rapid.SampledFrom([]rune(" .,;!¡¿?-*😀\"'\n\u200b\u0301")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom(OptOut).Draw(t, "word")
		if rapid.Bool().Draw(t, "lower") {
			word = strings.ToLower(word)
		}
		parts := []string{word}
		k := rapid.SampledFrom(append([]string{"", "todo"}, keywords...)).Draw(t, "keyword")
		if k != "" {
			parts = append(parts, k)
		}
		if rapid.Bool().Draw(t, "last") {
			slices.Reverse(parts)
		}
		text := noise.Draw(t, "before") + strings.Join(parts, noise.Draw(t, "between")+" ") + noise.Draw(t, "after")
		got := Parse(text, OptOut, All, keywords)
		if slices.Contains(keywords, k) {
			if got.Intent != Cancel || !slices.Equal(got.Keywords, []string{k}) {
				t.Fatalf("%q: %+v", text, got)
			}
		} else if got.Intent != CancelAll || got.All != (k == "todo") || got.Said != "" {
			t.Fatalf("%q: %+v", text, got)
		}
	})
}

func TestCheck(t *testing.T) {
	if err := Check(OptOut, All, []string{"JUEGOS", "JUEGOS PRO", "MÚSICA", "24"}); err != nil {
		t.Error(err)
	}
	for want, test := range map[string]struct{ optOut, keywords []string }{
		"optOut: ":      {nil, nil},
		"optOut[1]: ":   {[]string{"SALIR", "DE BAJA"}, nil},
		"optOut[0]: ":   {[]string{"todo"}, nil},
		"keywords[0]: ": {OptOut, []string{"!"}},
		"keywords[1]: ": {OptOut, []string{"A", "Fin de semana"}},
		"keywords[2]: ": {OptOut, []string{"Música", "B", "MUSICA!"}},
	} {
		if err := Check(test.optOut, All, test.keywords); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s%v", want, err)
		}
	}
}
