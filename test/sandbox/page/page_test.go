package page

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"
)

// What the policy lets in is the style as it stands in the page, byte by byte.
func TestTheStyleIsThePolicys(t *testing.T) {
	w := httptest.NewRecorder()
	New(`<p>{{.}}</p>`).Write(w, Head{Status: 404, Title: "<Uno>", Refresh: 3}, "<script>")
	body := w.Body.String()
	_, rest, _ := strings.Cut(body, "<style>")
	inside, _, found := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(inside))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !found || !strings.Contains(w.Header().Get("Content-Security-Policy"), want) {
		t.Errorf("policy %s, style %s", w.Header().Get("Content-Security-Policy"), want)
	}
	for _, part := range []string{`<title>&lt;Uno&gt;</title>`, `<p>&lt;script&gt;</p>`, `<meta http-equiv="refresh" content="3">`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
	if w.Code != 404 || strings.Contains(body, "<script") || strings.Contains(body, "style=") {
		t.Errorf("%d %s", w.Code, body)
	}
}
