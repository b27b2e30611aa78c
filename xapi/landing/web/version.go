package web

import "fmt"

// layout is the version of what pages show beside texts: raise it when a page shows more, less, or in
// another order.
const layout = "1"

// TextsVersion names what the page says: a record of a consent keeps it beside the consent.
func TextsVersion(p Page) string {
	return string(p.Language) + "-" + hash([]byte(layout), fmt.Append(nil, p.Terms))
}
