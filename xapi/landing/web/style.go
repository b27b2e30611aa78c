package web

import (
	"regexp"
	"strings"

	"puente/contracts/papi/subscription"
)

// sheet is the style; its colours are custom properties, which Style puts in front.
var sheet = load("static/style.css").body

// sheetHash is that of the sheet and of how colours are derived (layout).
var sheetHash = hash([]byte(layout), sheet)

var colour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// filled are the colours of a campaign, in lower case, and the defaults in place of what is none.
func filled(colours map[string]string) map[string]string {
	all := make(map[string]string, len(subscription.CampaignColours))
	for _, name := range subscription.CampaignColours {
		all[name] = strings.ToLower(colours[name])
		if !colour.MatchString(all[name]) {
			all[name] = subscription.DefaultColours[name]
		}
	}
	return all
}

// StyleURL is where a page of the campaign finds its style. The colours stand in it, so that serving it
// takes no look into the catalogue; the version, so that browsers keep it for good.
func StyleURL(campaign string, colours map[string]string) string {
	if campaign == "" {
		campaign = "landing" // of a page that does not know: any name will do
	}
	all := filled(colours)
	var c []string
	for _, name := range subscription.CampaignColours {
		c = append(c, all[name][1:])
	}
	return "/ads/" + campaign + "/style.css?c=" + strings.Join(c, "-") + "&v=" + sheetHash
}

// ParseColours reads the c of StyleURL. Empty are the defaults.
func ParseColours(c string) (colours map[string]string, ok bool) {
	if c == "" {
		return filled(nil), true
	}
	values := strings.Split(c, "-")
	if len(values) != len(subscription.CampaignColours) {
		return nil, false
	}
	colours = make(map[string]string, len(values))
	for i, name := range subscription.CampaignColours {
		colours[name] = "#" + values[i]
		if !colour.MatchString(colours[name]) {
			return nil, false
		}
	}
	return colours, true
}

// Style is the style in a campaign's colours.
func Style(colours map[string]string) []byte {
	var b strings.Builder
	b.WriteString(":root{")
	for _, d := range derived(filled(colours)) {
		b.WriteString(d[0] + ":" + d[1] + ";")
	}
	b.WriteString("}\n")
	b.Write(sheet)
	return []byte(b.String())
}
