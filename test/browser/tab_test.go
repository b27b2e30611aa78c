package browser

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// tab is a visitor's window.
type tab struct {
	*site
	watch
	t       testing.TB
	ctx     context.Context
	address string    // where the visitor says to come from; empty: from this machine
	shown   time.Time // when the present page was first seen
	phone   *tab      // where the visitor reads messages
}

var visitors atomic.Int64

// visitor opens the window of somebody new, who comes from an address of their own.
func (s *site) visitor(t testing.TB) *tab {
	t.Helper()
	n := visitors.Add(1)
	return s.window(t, s.chrome, fmt.Sprintf("198.51.%d.%d", n/250, 1+n%250), chromedp.WithNewBrowserContext())
}

// subscriber is a visitor on the operator's network, which says itself where they come from.
func (s *site) subscriber(t testing.TB) *tab {
	t.Helper()
	return s.window(t, s.chrome, "", chromedp.WithNewBrowserContext())
}

// second opens another window of the same visitor's.
func (w *tab) second() *tab {
	w.t.Helper()
	return w.window(w.t, w.ctx, w.address)
}

func (s *site) window(t testing.TB, parent context.Context, address string, options ...chromedp.ContextOption) *tab {
	t.Helper()
	w := &tab{site: s, t: t, address: address}
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithListener(w.hear))...)
	w.ctx = ctx
	t.Cleanup(func() {
		for _, mistake := range w.mistakes() {
			t.Error(mistake)
		}
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil { // opens it; a deadline here would be the window's end
		t.Fatal(err)
	}
	call(w, log.Enable, cdp.Empty{})
	call(w, audits.Enable, cdp.Empty{})
	call(w, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	if address != "" {
		call(w, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"X-Forwarded-For": address}})
	}
	w.size(narrow)
	return w
}

// call gives the browser a command.
func call[P, R any](w *tab, command cdp.Command[P, R], in P) R {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	out, err := chromedp.Call(ctx, command, in)
	if err != nil {
		w.t.Fatalf("%s: %v", command.Method, err)
	}
	return out
}

// do has the browser do something.
func (w *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		w.t.Fatalf("%s: %v; the page is: %s", what, err, w.text())
	}
}

// value evaluates an expression in the page. While one page goes and another comes there may be no page to do
// it in: then it is zero.
func value[T any](w *tab, expression string) (v T) {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	v, _ = chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	return v
}

// visit goes to a URL.
func (w *tab) visit(url string) {
	w.t.Helper()
	w.do("go to "+url, chromedp.Navigate(url))
}

// text is what the page says, when it has come: not of a page that a press leaves.
func (w *tab) text() string {
	return value[string](w, `document.readyState === "complete" && !document.querySelector("main[data-left]") ? document.body.innerText.replaceAll("\u00a0", " ") : ""`)
}

// sees waits for a page that says all of texts.
func (w *tab) sees(texts ...string) {
	w.t.Helper()
	late, last := time.After(patience), ""
	for {
		if last = w.text(); last != "" && containsAll(last, texts) {
			w.shown = time.Now()
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-late:
			w.t.Fatalf("the page at %s does not say %q: %s", w.at(), texts, last)
		}
	}
}

// focuses waits until the field has the focus.
func (w *tab) focuses(field string) {
	w.t.Helper()
	late := time.After(patience)
	for {
		on := value[string](w, `document.activeElement.id`)
		if on == field {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-late:
			w.t.Fatalf("the focus is on %q, not on %s", on, field)
		}
	}
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// at is the page's URL.
func (w *tab) at() string { return value[string](w, `location.href`) }

// read takes the time that a person needs to read the page: no form counts before a second.
func (w *tab) read() {
	w.t.Helper()
	eventually(w.t, "the page has been shown for a second", func() bool { return time.Since(w.shown) > 1050*time.Millisecond })
}

// fill types into the field of an ID, in place of what is there.
func (w *tab) fill(id, text string) {
	w.t.Helper()
	field := chromedp.ID(id)
	w.do("type into "+id, chromedp.Clear(field), chromedp.SendKeys(field, text))
}

// press clicks what carries a label, as a button or a link.
func (w *tab) press(label string) {
	w.t.Helper()
	value[bool](w, `document.querySelector("main").dataset.left = true`)
	w.do("press "+label, chromedp.Click(chromedp.Search(fmt.Sprintf(`//*[self::button or self::a][contains(translate(normalize-space(), "%s", " "), "%s")]`, "\u00a0", label))))
}

// choose clicks the choice that carries a label.
func (w *tab) choose(label string) {
	w.t.Helper()
	w.do("choose "+label, chromedp.Click(chromedp.Search(fmt.Sprintf(`//label[contains(normalize-space(), "%s")]`, label))))
}

// back goes back in the history to the page whose URL has part in it.
func (w *tab) back(part string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	history, err := chromedp.Run(ctx, chromedp.NavigationEntries())
	if err != nil {
		w.t.Fatal(err)
	}
	for i := history.CurrentIndex - 1; i >= 0; i-- {
		if entry := history.Entries[i]; strings.Contains(entry.URL, part) {
			w.do("go back to "+part, chromedp.NavigateToHistoryEntry(entry.ID))
			value[bool](w, `delete document.querySelector("main").dataset.left`) // the browser may have kept the page
			return
		}
	}
	w.t.Fatalf("no %s in the history: %v", part, history.Entries)
}

// The sizes at which screens are looked at.
type size struct{ width, height int64 }

var (
	narrow   = size{360, 740}
	wide     = size{1280, 800}
	smallest = size{320, 568}
)

func (w *tab) size(to size) {
	w.t.Helper()
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(1)}
	if to != wide {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	w.do("change the window's size", chromedp.EmulateViewport(to.width, to.height, options...))
}
