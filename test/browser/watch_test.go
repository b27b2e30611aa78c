package browser

import (
	"fmt"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// watch notes what goes wrong in a tab.
type watch struct {
	mu       sync.Mutex
	expected map[int64]bool // statuses of answers that are refusals, and no mistake
	requests map[network.RequestID]string
	wrong    []string
	traffic  traffic
}

// traffic is what went over the network.
type traffic struct {
	requests int
	bytes    float64
	status   int64 // of the last page, or of what took its place
}

// hear takes one of the browser's events. It runs in the loop that reads them, and must ask for nothing.
func (w *watch) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		w.note("exception: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			said := make([]string, len(e.Args))
			for i, arg := range e.Args {
				said[i] = string(arg.Value) + arg.Description
			}
			w.note("console.%s: %s", e.Type, strings.Join(said, " "))
		}
	case *log.EventEntryAdded:
		refusal := e.Entry.Source == log.EntrySourceNetwork && w.isExpected(e.Entry.Text)
		if (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) && !refusal {
			w.note("log: %s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if issue := e.Issue.Details.ContentSecurityPolicyIssueDetails; issue != nil {
			w.note("policy: %s stopped %s", issue.ViolatedDirective, issue.BlockedURL)
		}
	case *network.EventRequestWillBeSent:
		if w.requests == nil {
			w.requests = map[network.RequestID]string{}
		}
		w.requests[e.RequestID] = e.Request.URL
		if !strings.HasPrefix(e.Request.URL, "data:") {
			w.traffic.requests++
		}
		if e.RedirectResponse != nil {
			w.traffic.bytes += e.RedirectResponse.EncodedDataLength
		}
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument || e.Type == network.ResourceTypeXHR {
			w.traffic.status = e.Response.Status
		}
		if e.Response.Status >= 400 && !w.expected[e.Response.Status] {
			w.note("%d of %s", e.Response.Status, e.Response.URL)
		}
	case *network.EventLoadingFinished:
		w.traffic.bytes += e.EncodedDataLength
	case *network.EventLoadingFailed:
		if !e.Canceled { // by going elsewhere
			w.note("request failed: %s %s %s", w.requests[e.RequestID], e.ErrorText, e.BlockedReason)
		}
	}
}

func (w *watch) note(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// isExpected reports whether the browser complains of a status that is expected.
func (w *watch) isExpected(complaint string) bool {
	for status := range w.expected {
		if strings.Contains(complaint, fmt.Sprintf("status of %d ", status)) {
			return true
		}
	}
	return false
}

// expect lets answers be refusals.
func (w *watch) expect(statuses ...int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.expected == nil {
		w.expected = map[int64]bool{}
	}
	for _, s := range statuses {
		w.expected[s] = true
	}
}

// passed is what went over the network since it was last asked.
func (w *watch) passed() traffic {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.traffic
	w.traffic.requests, w.traffic.bytes = 0, 0
	return was
}

// mistakes are what went wrong until now, and forgotten.
func (w *watch) mistakes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.wrong
	w.wrong = nil
	return was
}
