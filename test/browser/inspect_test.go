package browser

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"puente/test/machine"
)

// stay keeps the window on a page that goes on by itself: to the partner is answered by nothing at all, and what
// the page waits for does not come.
func (w *tab) stay() {
	w.t.Helper()
	paused := chromedp.Events(w.ctx, fetch.RequestPaused)
	call(w, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*/return?*"}}})
	go func() {
		for e, err := range paused {
			if err != nil {
				return // the window is closed
			}
			_, _ = chromedp.Call(w.ctx, fetch.FulfillRequest, fetch.FulfillRequestParams{RequestID: e.RequestID, ResponseCode: 204}) // likewise
		}
	}()
}

// halt stops what the page would do after a while.
func (w *tab) halt() {
	value[bool](w, `(() => { for (let i = setTimeout(() => {}, 0); i > 0; i--) clearTimeout(i); return true })()`)
}

// inspect looks at the screen that is shown: whether anything of it is out of reach at the smallest width, what
// axe-core says, and, where pictures are wanted, what it looks like.
func (w *tab) inspect(name string) {
	w.t.Helper()
	w.size(smallest)
	if wider := value[int](w, `document.documentElement.scrollWidth`); wider > int(smallest.width) {
		w.t.Errorf("%s: %d pixels wide, on %d", name, wider, smallest.width)
	}
	widths := map[string]size{"360x740": narrow}
	if wholly() {
		widths["1280x800"] = wide
	}
	for suffix, to := range widths {
		w.size(to)
		w.axe(name)
		w.picture(name + "-" + suffix)
	}
	w.size(narrow)
}

// wholly reports whether screens are inspected in both languages and at both widths, as make screenshots does: that
// takes minutes. Else a telephone's width and Spanish stand for all.
func wholly() bool { return os.Getenv("PUENTE_TEST_SCREENS") != "" }

// languages are those in which screens are inspected.
func languages() []labels {
	if wholly() {
		return []labels{spanish, english}
	}
	return []labels{spanish}
}

// axe wants axe-core to find nothing wrong. What the browser evaluates for us, the page's policy does not concern.
func (w *tab) axe(name string) {
	w.t.Helper()
	if w.site.axe == "" {
		return // TestAxeIsThere says so
	}
	if !value[bool](w, `!!window.axe`) {
		value[bool](w, w.site.axe+";true")
	}
	text := w.promise(`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`)
	var violations []struct {
		ID, Help string
		Nodes    []struct {
			HTML    string
			Summary string `json:"failureSummary"`
		}
	}
	if err := json.Unmarshal([]byte(text), &violations); err != nil {
		w.t.Fatalf("%s: axe-core says %q: %v", name, text, err)
	}
	for _, v := range violations {
		for _, n := range v.Nodes {
			w.t.Errorf("%s: %s: %s: %s\n%s", name, v.ID, v.Help, n.HTML, n.Summary)
		}
	}
}

// promise is the text that a promise of the page's brings.
func (w *tab) promise(expression string) string {
	w.t.Helper()
	out := call(w, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, AwaitPromise: new(true), ReturnByValue: new(true)})
	if out.ExceptionDetails != nil {
		w.t.Fatalf("%s: %s", expression, out.ExceptionDetails.Text)
	}
	var text string
	if err := json.Unmarshal(out.Result.Value, &text); err != nil {
		w.t.Fatalf("%s: %s", expression, out.Result.Value)
	}
	return text
}

// picture writes what the window shows, the whole length of it.
func (w *tab) picture(name string) {
	w.t.Helper()
	to := os.Getenv("PUENTE_TEST_SCREENS")
	if to == "" {
		return
	}
	shot := call(w, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(true)})
	err := os.MkdirAll(to, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(to, strings.ReplaceAll(name, " ", "-")+".png"), shot.Data, 0o644)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// Without axe-core screens are not held against it.
func TestAxeIsThere(t *testing.T) {
	if open(t).axe == "" && !machine.Found(t, "chromium", errors.New("no axe-core here: make axe")) {
		t.SkipNow()
	}
}
