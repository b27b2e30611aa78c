package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
)

// A page of another origin that frames ours shows an empty frame: a button that charges is not pressed unseen.
func TestFramed(t *testing.T) {
	t.Parallel()
	w := open(t).visitor(t)
	trap := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(out, `<!doctype html><title>Win</title><main>Press here</main><iframe src="%s"></iframe>`, strings.ReplaceAll(w.link(games), "&", "&amp;"))
	}))
	defer trap.Close()
	w.visit(trap.URL)
	w.sees("Press here")
	frames := call(w, page.GetFrameTree, cdp.Empty{}).FrameTree.ChildFrames
	if len(frames) != 1 || strings.HasPrefix(frames[0].Frame.URL, w.Public) {
		t.Errorf("in the frame is %+v", frames)
	}
	stopped := false
	for _, mistake := range w.mistakes() {
		stopped = stopped || strings.Contains(mistake, "frame-ancestors")
	}
	if !stopped {
		t.Error("the page's policy did not stop it")
	}
}

// What a campaign says is text, whatever it looks like.
func TestMarkupInTexts(t *testing.T) {
	t.Parallel()
	w := open(t).visitor(t)
	w.apply(t, `
kind: Campaign
id: markup
spec:
  product: "1020"
  texts:
    headline: "<img src=x onerror=document.title=1> & \"quoted\" <b>bold</b>"
    description: "</p><script>document.title=1</script>"
    terms: "<a href='javascript:document.title=1'>free</a><style>main{display:none}</style>"
`)
	o := offer{"markup", games.query, games.partner, games.product}
	w.expect(http.StatusNotFound) // until the platform knows the campaign
	eventually(t, "the campaign is there", func() bool {
		w.visit(w.link(o))
		return strings.Contains(w.text(), spanish.offer)
	})
	w.sees("<img src=x onerror=document.title=1>", "<b>bold</b>", "</p><script>document.title=1</script>")
	if value[string](w, `document.title`) == "1" || value[int](w, `document.querySelectorAll("img, main script, main style, h1 b").length`) > 0 {
		t.Errorf("it is taken for markup: %s", value[string](w, `document.documentElement.outerHTML`))
	}
	w.inspect("markup")
	msisdn := line(well)
	w.enter(spanish, msisdn)
	w.sees(spanish.askPIN)
}
