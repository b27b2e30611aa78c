package browser

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// A telephone of the cheaper sort on a slow mobile network: the round trip and bandwidth of Lighthouse's "slow 4G", a
// quarter of this machine's speed.
const (
	roundTrip = 150           // ms
	bandwidth = 1.6 * 1e6 / 8 // bytes a second
	slowness  = 4
)

// painted are the figures that the browser has of a page (W3C Paint Timing, Largest Contentful Paint, Layout Instability).
type painted struct{ First, Largest, Shift float64 }

const paint = `new Promise(done => {
	const seen = {First: 0, Largest: 0, Shift: 0};
	new PerformanceObserver(l => { for (const e of l.getEntriesByName("first-contentful-paint")) seen.First = e.startTime }).observe({type: "paint", buffered: true});
	new PerformanceObserver(l => { for (const e of l.getEntries()) seen.Largest = e.startTime }).observe({type: "largest-contentful-paint", buffered: true});
	new PerformanceObserver(l => { for (const e of l.getEntries()) if (!e.hadRecentInput) seen.Shift += e.value }).observe({type: "layout-shift", buffered: true});
	setTimeout(() => done(seen), 500);
})`

// BenchmarkPages measures the pages of a visit as its visitor has them: the first with an empty cache, the next two
// with what came by then. It reports figures, and passes whatever they are.
func BenchmarkPages(b *testing.B) {
	s := open(b)
	all := map[string]*figures{"offer": {}, "pin": {}, "result": {}}
	for b.Loop() {
		w, msisdn := s.visitor(b), line(well)
		call(w, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{
			{Latency: roundTrip, DownloadThroughput: bandwidth, UploadThroughput: bandwidth, ConnectionType: network.ConnectionTypeCellular4g},
		}})
		call(w, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: slowness})
		w.stay()
		w.passed()
		w.visit(w.link(games, "lang=es"))
		w.sees(spanish.offer)
		all["offer"].add(w)
		w.enter(spanish, msisdn)
		w.sees(spanish.askPIN)
		all["pin"].add(w)
		pin := w.pin(msisdn, 1)
		w.passed()
		w.give(pin, spanish.subscribe)
		w.sees(spanish.active)
		all["result"].add(w)
	}
	for name, f := range all {
		for unit, sum := range map[string]float64{"fcp-ms": f.First, "lcp-ms": f.Largest, "cls": f.Shift, "bytes": f.bytes, "requests": f.requests} {
			b.ReportMetric(sum/float64(f.runs), name+"-"+unit)
		}
	}
}

// figures are sums over runs.
type figures struct {
	painted
	bytes, requests float64
	runs            int
}

// add measures the page that is shown.
func (f *figures) add(w *tab) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	p, err := chromedp.Run(ctx, chromedp.Evaluate[painted](paint, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatal(err)
	}
	over := w.passed()
	f.First, f.Largest, f.Shift = f.First+p.First, f.Largest+p.Largest, f.Shift+p.Shift
	f.bytes, f.requests, f.runs = f.bytes+over.bytes, f.requests+float64(over.requests), f.runs+1
}
