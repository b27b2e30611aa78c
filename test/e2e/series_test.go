package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// seriesBudget is how many series a process may have, whatever it is asked. One with all layers has 1,400 when it
// is new, and 5,500 once every scenario was played, which brings out nearly every status of every operation at 18
// series each; the rest is for APIs to come. A label of what callers write would have more after one round.
const seriesBudget = 8000

const (
	strangers = 20   // requests of each kind, at each listener
	phones    = 1000 // phones that are asked for
)

// hostileSeries: no request makes a series of its own, whoever sends it, to whichever listener and whatever is
// written in it. The first round brings out the answers that there are; a later one says nothing twice, and finds
// every series there. What a process does by itself meanwhile may make one, but not in every round.
func hostileSeries(t *testing.T, p *platform) {
	c := p.caller(t)
	before := map[*process]map[string]bool{}
	var fresh []string
	for round := range 4 {
		p.pester(t, c)
		fresh = nil
		for _, one := range p.processes {
			now := one.wantSeries(t)
			for _, s := range slices.Sorted(maps.Keys(now)) {
				if !before[one][s] {
					fresh = append(fresh, one.name+": "+s)
				}
			}
			before[one] = now
		}
		if round > 0 && len(fresh) == 0 {
			return
		}
	}
	t.Errorf("every round makes new series, such as %s", fresh[0])
}

// wantSeries checks that the series of a process are within the budget, and none of them a caller's. It returns them.
func (p *process) wantSeries(t testing.TB) map[string]bool {
	t.Helper()
	all := p.series(t)
	t.Logf("%s: %d series", p.name, len(all))
	if len(all) < 100 || len(all) > seriesBudget {
		t.Errorf("%s has %d series, %d are allowed", p.name, len(all), seriesBudget)
	}
	for _, s := range slices.Sorted(maps.Keys(all)) {
		if _, labels, _ := strings.Cut(s, "{"); fromInput.MatchString(labels) {
			t.Errorf("%s: made by a caller: %s", p.name, s)
		}
	}
	return all
}

// fromInput are the marks of what callers send: those of this scenario, phones, systems, clients, paths, addresses.
var fromInput = regexp.MustCompile(`(?i)zqx|E2EMARK|"31\d{8}|569\d{8}|SYS\d{3}|client-\d{3}|="/|127\.0\.0\.1|hub-(rest|compat)`)

// series are all series of a process, by name and labels.
func (p *process) series(t testing.TB) map[string]bool {
	t.Helper()
	status, text := p.get("/metrics")
	if status != http.StatusOK {
		t.Fatalf("%s: metrics: %d %s", p.name, status, text)
	}
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			all[line[:strings.LastIndexByte(line, ' ')]] = true
		}
	}
	return all
}

// pester sends to every listener what nobody else ever sent.
func (p *platform) pester(t *testing.T, c *caller) {
	t.Helper()
	var all sync.WaitGroup
	work := make(chan func())
	for range 8 {
		all.Go(func() {
			for do := range work {
				do()
			}
		})
	}
	for range phones {
		phone := p.phone()
		work <- func() {
			_ = p.stranger(p.edge().at.Public, http.MethodPost, statusPath, lookup(phone), "Authorization", "Bearer "+c.token, "X-System-Name", c.system)
		}
	}
	for range strangers {
		for _, one := range p.processes {
			for _, addr := range []string{one.at.Public, one.at.Internal, one.at.Callbacks, one.at.Operations} {
				if addr != "" {
					work <- func() { p.everywhere(addr) }
				}
			}
		}
		work <- func() { p.atTheEdge(c) }
	}
	close(work)
	all.Wait()
}

// everywhere is what any listener may meet.
func (p *platform) everywhere(addr string) {
	m := mark()
	for _, target := range []string{"/" + m, "/" + m + "/" + m + "?" + m + "=" + m, "/admin/v1/" + m, "/errors/" + m, "/callbacks/smsc/messages?secret=" + m + "&from=" + m + "&id=" + m, "/charge/" + m, "/metrics/" + m, "/%7a" + m} {
		_ = p.stranger(addr, http.MethodGet, target, "", "Authorization", "Bearer "+m)
		_ = p.stranger(addr, http.MethodPost, target, `{"`+m+`":"`+m+`"}`, "Puente-Service", m, "Authorization", m)
	}
	_ = p.stranger(addr, strings.ToUpper(m), "/"+m, "")
	_ = p.stranger(addr, http.MethodGet, "/"+m, "", "X-"+m, strings.Repeat(m, 2000)) // 431
	for _, text := range []string{
		m + "\r\n\r\n", "GET / HTTP/" + m + "\r\n\r\n", "GET / HTTP/1.1\r\nHost: " + m + "\r\nHost: " + m + "2\r\n\r\n", "GET http://" + m + "/ HTTP/1.1\r\nHost: " + m + "\r\n\r\n",
		"POST /" + m + " HTTP/1.1\r\nHost: " + m + "\r\nContent-Length: 3\r\nTransfer-Encoding: " + m + "\r\n\r\nabc", "GET /\x00" + m + " HTTP/1.1\r\n" + m + ": \x01\r\n\r\n",
	} {
		if conn, err := net.DialTimeout("tcp", addr, 5*time.Second); err == nil {
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.WriteString(conn, strings.Replace(text, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}
}

// atTheEdge is what a channel may do, with a token that is good and one that is not.
func (p *platform) atTheEdge(c *caller) {
	m, edge := mark(), p.edge().at.Public
	own := []string{"Authorization", "Bearer " + c.token, "X-System-Name", c.system}
	for _, with := range [][]string{
		nil, {"X-System-Name", m}, {"X-Channel", m}, {"Authorization", "Bearer " + m}, {"Authorization", "Basic " + m}, {"Content-Type", m + "/" + m}, {"Content-Encoding", m},
		{"Authorization", "Bearer eyJhbGciOiJub25lIiwia2lkIjoi" + m + ".e30." + m}, {"X-Correlation-ID", m + "\x7f"}, {"Accept-Language", m}, {"Idempotency-Key", m},
	} {
		_ = p.stranger(edge, http.MethodPost, portabilidades, `{"phone":"`+m+`","`+m+`":1}`, append(slices.Clone(own), with...)...)
		_ = p.stranger(edge, http.MethodPost, reconexionPath, inEnvelope(m, m, `{"Phone":"`+m+`"}`), append(slices.Clone(own), with...)...)
		_ = p.stranger(edge, http.MethodPost, "/charge", `{"partnerId":`+fmt.Sprint(rand.Uint32())+`,"entryChannel":"`+m+`"}`, with...)
	}
	_ = p.stranger(edge, http.MethodPost, "/v1/salesOrder/portabilities/"+m, "{}", own...)
	_ = p.stranger(edge, http.MethodPost, "/charge/oauth2/token", "grant_type=client_credentials&client_secret="+m+"&client_id="+m, "Content-Type", "application/x-www-form-urlencoded")
	_ = p.stranger(edge, http.MethodGet, "/ads/"+m+"?SuccessUrl="+m+"&"+m+"="+m, "")
	_ = p.stranger(edge, http.MethodGet, "/anuncios/juegos?tid="+m+"&utm_"+m+"="+m, "")
}

// stranger sends a request under a name, a correlation and a trace of its own; headers come in pairs over these. What is
// answered is of no matter.
func (p *platform) stranger(addr, method, target, body string, headers ...string) error {
	m := mark()
	req, err := http.NewRequest(method, "http://"+addr+target, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	req.Host = m + ".example"
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-Correlation-ID": m, "User-Agent": m, "Referer": m, "Cookie": m + "=" + m, "Origin": "https://" + m, "X-Forwarded-For": m, "X-MSISDN": m,
		"Traceparent": fmt.Sprintf("00-%016x%016x-%016x-01", rand.Uint64()|1, rand.Uint64(), rand.Uint64()|1), "Tracestate": m + "=1", "X-HTTP-Method-Override": m, "Accept": m + "/" + m,
	} {
		req.Header.Set(name, value)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// mark is a word that nobody said before.
func mark() string { return fmt.Sprintf("zqx%x", rand.Uint64()) }
