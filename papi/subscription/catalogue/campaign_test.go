package catalogue

import (
	"strings"
	"testing"

	contract "puente/contracts/papi/subscription"
	"puente/shared/contrast"
	"puente/shared/problem"
)

func TestCampaignTexts(t *testing.T) {
	for _, test := range []struct {
		name, text string
		good       bool
	}{
		{"headline", "Juegos sin límite", true},
		{"headline.en", "Games", true},
		{"headline.es", "Juegos", true},
		{"description", "Uno.\nDos.", true},
		{"terms", `<script>alert("x")</script> & {{.}} ${x}`, true}, // it is text: pages escape it
		{"terms.en", strings.Repeat("x", 2000), true},
		{"termsUrl", "https://juegos.example/bases?x=1#y", true},
		{"termsUrl.en", "https://juegos.example/terms", true},

		{"headline.fr", "Jeux", false},
		{"headline.", "x", false},
		{"headline.en.en", "x", false},
		{"Headline", "x", false},
		{"title", "x", false},
		{"", "x", false},
		{".en", "x", false},
		{"headline", "", false},
		{"terms", strings.Repeat("x", 2001), false},
		{"headline", "a\x00b", false},
		{"headline", "a\r\nb", false},
		{"headline", "a\x1b[31mb", false},
		{"headline", "a\u0085b", false},
		{"headline", "$990 \u202e099$", false},
		{"headline", "a\xffb", false},
		{"termsUrl", "http://juegos.example/bases", false},
		{"termsUrl", "javascript:alert(1)", false},
		{"termsUrl", "JavaScript://juegos.example/%0aalert(1)", false},
		{"termsUrl", "data:text/html,x", false},
		{"termsUrl", "//juegos.example/bases", false},
		{"termsUrl", "/bases", false},
		{"termsUrl", "https:///bases", false},
		{"termsUrl", "https://entel.cl@otro.example/", false},
		{"termsUrl", `https://otro.example\@entel.cl/`, false},
		{"termsUrl", "https://juegos.example/ bases", false},
		{"termsUrl", "https://juegos.example/\"><b>", false},
	} {
		c := CampaignSpec{Product: "1", Status: StatusActive, Texts: map[string]string{test.name: test.text}}
		if err := c.Validate(); (err == nil) != test.good {
			t.Errorf("%s: %q: %v", test.name, test.text, err)
		}
	}
}

func TestCampaignColours(t *testing.T) {
	for name, test := range map[string]struct {
		colours map[string]string
		wrong   string // path
	}{
		"none":                          {nil, ""},
		"all":                           {map[string]string{"accent": "#ffD400", "onAccent": "#000000", "background": "#101418", "text": "#F5F5F5"}, ""},
		"the darkest grey that will do": {map[string]string{"text": "#767676"}, ""},
		"the next":                      {map[string]string{"text": "#777777"}, "colours.text"},
		"accent under the pages' white": {map[string]string{"accent": "#ffd400"}, "colours.accent"},
		"on the pages' accent":          {map[string]string{"onAccent": "#336699"}, "colours.onAccent"},
		"dark under the pages' text":    {map[string]string{"background": "#101418"}, "colours.background"},
		"the same":                      {map[string]string{"accent": "#123456", "onAccent": "#123456"}, "colours.onAccent"},
		"another name":                  {map[string]string{"border": "#000000"}, "colours.border"},
		"a name":                        {map[string]string{"text": "black"}, "colours.text"},
		"short":                         {map[string]string{"text": "#000"}, "colours.text"},
		"with alpha":                    {map[string]string{"text": "#00000080"}, "colours.text"},
		"empty":                         {map[string]string{"text": ""}, "colours.text"},
		"an end of the style":           {map[string]string{"text": "#000000;}body{display:none"}, "colours.text"},
		"a line after it":               {map[string]string{"text": "#000000\n"}, "colours.text"},
		"a URL":                         {map[string]string{"background": "url(https://otro.example)"}, "colours.background"},
	} {
		c := CampaignSpec{Product: "1", Status: StatusActive, Colours: test.colours}
		err := c.Validate()
		p := problem.Of(err)
		if (err == nil) != (test.wrong == "") || test.wrong != "" && (p == nil || len(p.Fields) != 1 || p.Fields[0].Path != test.wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The pages' own colours keep the rule that campaigns have to keep.
func TestDefaultColours(t *testing.T) {
	for _, pair := range pairs {
		if has := contrast.Ratio(contrast.Parse(contract.DefaultColours[pair[0]]), contrast.Parse(contract.DefaultColours[pair[1]])); has < contrast.Text {
			t.Errorf("%s on %s: %.2f", pair[0], pair[1], has)
		}
	}
}
