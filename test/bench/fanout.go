package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Fanning out: what a television validation costs beside the four calls that it makes, and how long after
// the slowest of them it answers. Its baseline makes the same four calls with net/http and nothing else.

// callsPath is the baseline's.
const callsPath = "/calls"

// platformsPath is where the stub plays the television platforms of fibre.
const platformsPath = "/tvplatforms/ftth"

// fanConnections is how many callers the rows of fanning out have: what they measure waits.
const fanConnections = 64

// platformCalls are the queries of an account, and how late the platforms answer them.
var platformCalls = []struct {
	path   string // below the account's
	delay  time.Duration
	answer string
}{
	{"", 50 * time.Millisecond, `{"cuenta":"CS-905967","estado":1}`},
	{"/canales", 80 * time.Millisecond, `{"canales":["HBO","FOX"]}`},
	{"/servicios", 120 * time.Millisecond, `{"servicios":["TIMESHIFT","GRABACION"]}`},
	{"/decos", 200 * time.Millisecond, `{"decos":[{"mac":"001A.2B3C.4D5E"},{"mac":"001A.2B3C.4D5F"}]}`},
}

// slowest is the platform that a validation cannot be faster than.
const slowest = 200 * time.Millisecond

// tables decode what the inventory has for the platforms.
const tables = `[
{"kind": "TVTable", "id": "FTTH:channels", "spec": {"decodes": {"CAN-HBO": "HBO", "CAN-FOX": "FOX"}}},
{"kind": "TVTable", "id": "FTTH:services", "spec": {"decodes": {"SRV-TIMESHIFT": "TIMESHIFT", "SRV-GRABACION": "GRABACION"}}}
]`

// playTelevision declares what a validation asks: the platforms, late, and the inventory, which is as late
// as handle makes it.
func playTelevision(mux *http.ServeMux, handle func(pattern string, handler http.Handler)) {
	const account = "GET " + platformsPath + "/asap/v1/suscriptores/{cuenta}"
	for _, c := range platformCalls {
		mux.Handle(account+c.path, delayed(c.delay, echo(http.StatusOK, c.answer, nil)))
	}
	for path, members := range map[string]string{
		"television": `"ESTADO_SUSCRIPTOR":"1"`, "canales": `"CANALES":[{"CODIGO":"CAN-HBO"},{"CODIGO":"CAN-FOX"}]`,
		"servicios": `"SERVICIOS":[{"CODIGO":"SRV-GRABACION"},{"CODIGO":"SRV-TIMESHIFT"}]`,
		"equipos":   `"EQUIPOS":[{"MAC":"00:1A:2B:3C:4D:5E"},{"MAC":"00-1A-2B-3C-4D-5F"}]`,
	} {
		handle("GET "+inventoryPath+"/mss/v1/cuentas/{cuenta}/"+path,
			echo(http.StatusOK, `{"CUENTA":"`+place+`",`+members+`}`, func(r *http.Request) string { return r.PathValue("cuenta") }))
	}
}

// playCalls is the baseline of fanning out: each request makes the four calls at once.
func playCalls(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("calls", flag.ContinueOnError)
	backend := f.String("backend", "", "URL of the backend")
	if err := f.Parse(args); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 2048, MaxIdleConnsPerHost: 512, DisableCompression: true}}
	account := *backend + platformsPath + "/asap/v1/suscriptores/CS-905967"
	return serveUntilEOF(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answers := make([][]byte, len(platformCalls))
		errs := make([]error, len(platformCalls))
		var all sync.WaitGroup
		for i, c := range platformCalls {
			all.Go(func() { answers[i], errs[i] = get(r.Context(), client, account+c.path) })
		}
		all.Wait()
		length := 0
		for i, err := range errs {
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			length += len(answers[i])
		}
		w.Header()["Content-Length"] = []string{fmt.Sprint(length)}
		for _, answer := range answers {
			_, _ = w.Write(answer)
		}
	}))
}

func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = &unexpected{resp.StatusCode, text}
	}
	return text, err
}

// fansOut reports whether a row's baseline is the calls, not the forward.
func fansOut(row string) bool { return row == rowFanOut || row == rowUncached || row == rowCalls }

// waits reports whether a row takes its time, so that it needs many callers to be measured.
func waits(row string) bool { return fansOut(row) || row == rowLateWrite }

// printFanOut tells what the rows of fanning out cost beside what they cannot do without: the calls, and
// what any governed write costs.
func (r *report) printFanOut(w io.Writer) {
	find := func(row, shape string) (line, bool) {
		for _, l := range r.Lines {
			if l.Row == row && l.Shape == shape {
				return l, true
			}
		}
		return line{}, false
	}
	calls, _ := find(rowCalls, shapeCalls)
	for _, l := range r.Lines {
		if l.Shape == shapeCalls || !fansOut(l.Row) {
			continue
		}
		fmt.Fprintf(w, "\n%s, %s: p50 is %.1f ms over the slowest platform (%s); %.0f µs of CPU beside %.0f µs for its four calls", l.Row, l.Shape,
			l.P50.Median-slowest.Seconds()*1000, slowest, l.CPU.Median, calls.CPU.Median)
		for _, row := range []string{rowWrite, rowLateWrite} {
			if write, ok := find(row, l.Shape); ok {
				fmt.Fprintf(w, "; beside %.0f µs for a %s, %.2f of 1.3 × the calls and it", write.CPU.Median, row,
					l.CPU.Median/(1.3*calls.CPU.Median+write.CPU.Median))
			}
		}
	}
}
