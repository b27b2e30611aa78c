package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// sizes: every limit is exact; the limit passes, one byte more does not.
func sizes(t *testing.T, p *platform) {
	c := p.caller(t)
	target := func(n int) string { return portabilidades + "?x=" + strings.Repeat("a", n-len(portabilidades)-3) }
	c.wantNIP(t, c.post(t, target(4096), order(p.phone(), nil)))
	wantProblem(t, c.post(t, target(4097), order(p.phone(), nil)), 414, "URI_TOO_LONG")

	header := func(n int) string { return strings.Repeat("h", n-len("X-Long")) }
	c.wantNIP(t, c.post(t, portabilidades, order(p.phone(), nil), "X-Long", header(16384)))
	wantProblem(t, c.post(t, portabilidades, order(p.phone(), nil), "X-Long", header(16385)), 431, "HEADERS_TOO_LARGE")

	for section, want := range map[int]int{32768: 200, 32769: 431} {
		resp := p.exchange(t, c.headers(section, order(p.phone(), nil)))
		if resp.StatusCode != want {
			t.Errorf("headers of %d bytes: %d, want %d", section, resp.StatusCode, want)
		}
	}
	if resp := p.exchange(t, c.headers(200_000, order(p.phone(), nil))); resp.StatusCode != 431 {
		t.Errorf("headers of 200,000 bytes: %d", resp.StatusCode)
	}

	padded := func(n int) string {
		body := order(p.phone(), nil)
		return body + strings.Repeat(" ", n-len(body))
	}
	c.wantNIP(t, c.post(t, portabilidades, padded(1<<20)))
	wantProblem(t, c.post(t, portabilidades, padded(1<<20+1)), 413, "PAYLOAD_TOO_LARGE")
	if a, err := c.try("POST", portabilidades, padded(40<<20)); err == nil { // or the connection breaks while it is sent
		wantProblem(t, a, 413, "PAYLOAD_TOO_LARGE")
	}
}

// headers is a whole request whose headers are so many bytes, counted as name, value and 4 each.
func (c *caller) headers(size int, body string) string {
	lines := []string{"Host: " + c.p.edge().at.Public, "Authorization: Bearer " + c.token, "X-System-Name: " + c.system,
		"Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body))}
	used := 0
	for _, line := range lines {
		used += len(line) - len(": ") + 4
	}
	for i := 0; used < size; i++ {
		name := fmt.Sprintf("X-Fill-%03d", i)
		value := min(size-used-len(name)-4, 8000)
		if left := size - used - len(name) - 4 - value; left > 0 && left < 20 { // not enough for one more
			value -= 100
		}
		lines = append(lines, name+": "+strings.Repeat("f", value))
		used += len(name) + value + 4
	}
	return "POST " + portabilidades + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

// request is a whole request with the caller's usual headers and more.
func (c *caller) request(target string, more, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nX-System-Name: %s\r\nContent-Type: application/json\r\n%s\r\n%s",
		target, c.p.edge().at.Public, c.token, c.system, more, body)
}

// exchange sends text and reads one answer, its body included.
func (p *platform) exchange(t testing.TB, text string) *http.Response {
	t.Helper()
	conn := p.dial(t)
	go func() { _, _ = io.WriteString(conn, text) }() // the answer may come before the end
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	p.witness.saw(answer{status: resp.StatusCode, header: resp.Header})
	leaks(t, answer{status: resp.StatusCode, header: resp.Header, body: string(body)})
	return resp
}

// framing: a request has one reading. Where the end of it is in doubt nothing behind it is served.
func framing(t *testing.T, p *platform) {
	c := p.caller(t)
	smuggled := func(phone string) string {
		body := order(phone, nil)
		return c.request(portabilidades, fmt.Sprintf("Content-Length: %d\r\n", len(body)), body)
	}
	chunks := func(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

	phone := p.phone()
	answered := p.raw(t, c.request(portabilidades, "Transfer-Encoding: chunked\r\n", chunks(order(phone, nil))))
	if !strings.HasPrefix(answered, "HTTP/1.1 200 ") || !strings.Contains(answered, "\r\nConnection: close\r\n") {
		t.Errorf("chunked: %s", answered)
	}
	if nips, _ := p.effects(phone); len(nips) != 1 {
		t.Errorf("chunked: BotService did %+v", nips)
	}
	over := strings.Repeat(" ", 1<<20)
	if answered := p.raw(t, c.request(portabilidades, "Transfer-Encoding: chunked\r\n", chunks(order(p.phone(), nil)+over))); !strings.HasPrefix(answered, "HTTP/1.1 413 ") {
		t.Errorf("chunked and too long: %.200s", answered)
	}

	body := order(p.phone(), nil)
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	for name, doubtful := range map[string]string{
		"length and chunking":       c.request(portabilidades, length+"Transfer-Encoding: chunked\r\n", chunks(order(p.phone(), nil))),
		"chunking and length":       c.request(portabilidades, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunks(order(p.phone(), nil))),
		"two lengths":               c.request(portabilidades, length+"Content-Length: 5\r\n", body),
		"two hosts":                 c.request(portabilidades, "Host: elsewhere\r\n"+length, body),
		"no host":                   strings.Replace(c.request(portabilidades, length, body), "Host: "+p.edge().at.Public+"\r\n", "", 1),
		"unknown coding":            c.request(portabilidades, "Transfer-Encoding: gzip, chunked\r\n", chunks(body)),
		"chunked twice":             c.request(portabilidades, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks(body)),
		"chunk size with junk":      c.request(portabilidades, "Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"),
		"space before the colon":    c.request(portabilidades, "Content-Length : 5\r\n"+length, body),
		"NUL in a header":           c.request(portabilidades, "X-Channel: we\x00b\r\n"+length, body),
		"bare CR":                   c.request(portabilidades, "X-Channel: we\rb\r\n"+length, body),
		"not HTTP":                  "HELO e2e\r\n\r\n",
		"negative length":           c.request(portabilidades, "Content-Length: -1\r\n", body),
		"a length that is too much": c.request(portabilidades, "Content-Length: 99999999999999999999\r\n", body),
	} {
		phone := p.phone()
		answered := p.raw(t, doubtful+smuggled(phone))
		if n := strings.Count(answered, "HTTP/1.1 "); n != 1 {
			t.Errorf("%s: %d answers: %s", name, n, answered)
		}
		if nips, _ := p.effects(phone); len(nips) != 0 {
			t.Errorf("%s: what stood behind it was served", name)
		}
		leaks(t, answer{body: answered[strings.Index(answered, "\r\n\r\n"):]})
	}

	// RFC 9112 §5.2: a folded header is refused, or read as one line.
	phone, folded := p.phone(), c.correlation()
	body = order(phone, nil)
	answered = p.raw(t, c.request(portabilidades, fmt.Sprintf("X-Correlation-ID: %s\r\n folded\r\nConnection: close\r\nContent-Length: %d\r\n", folded, len(body)), body))
	if nips, _ := p.effects(phone); !strings.HasPrefix(answered, "HTTP/1.1 400 ") && (len(nips) != 1 || nips[0].CorrelationID != folded+" folded") {
		t.Errorf("folded header: %s, %+v", answered, nips)
	}
}

// targets: a path has one spelling.
func targets(t *testing.T, p *platform) {
	c := p.caller(t)
	for _, target := range []string{
		"/v1/salesOrder/portabilities/../portabilities/portabilidades", "/v1/./salesOrder/portabilities/portabilidades",
		"//v1/salesOrder/portabilities/portabilidades", "/v1/salesOrder//portabilities/portabilidades",
		"/v1/salesOrder/portabilities%2Fportabilidades", "/v1/salesOrder/portabilities%2fportabilidades",
		"/v1/salesOrder/portabilities/%2e%2e/portabilities/portabilidades", "/v1/salesOrder/portabilities/portabilidades%00",
		"/v1/salesOrder/portabilities;x=1/portabilidades", `/v1/salesOrder\portabilities/portabilidades`, "/v1/salesOrder/portabilities%5cportabilidades",
		"/v1/salesOrder/portabilities%252fportabilidades", "http://elsewhere/v1/salesOrder/portabilities/portabilidades", "*",
		"/v1/salesOrder/portabilities/portabilidades%3bx",
	} {
		phone := p.phone()
		body := order(phone, nil)
		resp := p.exchange(t, c.request(target, fmt.Sprintf("Content-Length: %d\r\nConnection: close\r\n", len(body)), body))
		if resp.StatusCode != 400 {
			t.Errorf("%s: %d", target, resp.StatusCode)
		}
		p.untouched(t, phone)
	}
	// A letter may be encoded: RFC 3986 §6.2.2.2 makes it the same path.
	for target, want := range map[string]int{
		"/v1/salesOrder/portabilities/portabilidade%73": 200,
		"/V1/salesOrder/portabilities/portabilidades":   404,
		"/v1/salesorder/portabilities/portabilidades":   404,
	} {
		body := order(p.phone(), nil)
		resp := p.exchange(t, c.request(target, fmt.Sprintf("Content-Length: %d\r\n", len(body)), body))
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", target, resp.StatusCode, want)
		}
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"} {
		wantProblem(t, c.post(t, statusPath, lookup(p.phone()), header, "DELETE"), 404, "NOT_FOUND")
	}
}

// bodies: what is not one JSON object of moderate size is refused, and costs BotService nothing.
func bodies(t *testing.T, p *platform) {
	c := p.caller(t)
	nested := func(depth int) string { // of the whole body
		return strings.TrimSuffix(order(p.phone(), nil), "}") + `,"x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
	}
	wide := func(n int) string { // members of the object x
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"m%d":1`, i)
		}
		return strings.TrimSuffix(order(p.phone(), nil), "}") + `,"x":{` + b.String()[1:] + "}}"
	}
	long := func(n int) string {
		return strings.TrimSuffix(order(p.phone(), nil), "}") + `,"x":[0` + strings.Repeat(",0", n-1) + "]}"
	}
	for name, body := range map[string]func() string{
		"depth 32": func() string { return nested(32) }, "1,000 members": func() string { return wide(1000) }, "10,000 items": func() string { return long(10_000) },
		"depth 32 in an envelope":      func() string { return enveloped(c.system, c.correlation(), nested(31)) },
		"1,000 members in an envelope": func() string { return enveloped(c.system, c.correlation(), wide(1000)) },
	} {
		t := of(t, name)
		c.wantNIP(t, c.post(t, portabilidades, body()))
	}
	for name, body := range map[string]string{
		"depth 33": nested(33), "depth 100,000": nested(100_000), "1,001 members": wide(1001), "10,001 items": long(10_001),
		"empty": "", "space": "  ", "null": "null", "list": "[]", "text": `"x"`, "number": "7", "cut off": order(p.phone(), nil)[:40],
		"trailing data": order(p.phone(), nil) + "{}", "trailing comma": strings.TrimSuffix(order(p.phone(), nil), "}") + ",}",
		"the same name twice":  strings.TrimSuffix(order(p.phone(), nil), "}") + `,"phone":"3000000019"}`,
		"escaped, twice":       strings.TrimSuffix(order(p.phone(), nil), "}") + `,"phon\u0065":"3000000019"}`,
		"invalid UTF-8":        order(p.phone(), members{"operator": "FAKE"})[:10] + "\xff" + order(p.phone(), nil)[10:],
		"invalid UTF-8 inside": strings.Replace(order(p.phone(), nil), "FAKE", "FA\xffKE", 1),
		"half a surrogate":     strings.Replace(order(p.phone(), nil), "FAKE", `FA\ud800KE`, 1),
		"comment":              "/* x */" + order(p.phone(), nil), "byte order mark": "\ufeff" + order(p.phone(), nil),
		"control character": strings.Replace(order(p.phone(), nil), "FAKE", "FA\x01KE", 1),
		"NaN":               strings.Replace(order(p.phone(), nil), "true", "NaN", 1),
	} {
		for form, body := range map[string]string{"flat": body, "enveloped": enveloped(c.system, c.correlation(), body)} {
			a := c.post(t, portabilidades, body)
			t := of(t, name, form)
			wantProblem(t, a, 400, "BAD_REQUEST")
			if got := p.received(a.correlation(), ""); len(got) > 0 {
				t.Errorf("%s, %s: BotService received %+v", name, form, got)
			}
		}
	}
	for name, body := range map[string]string{
		"two headers":            `{"WSRequestHeader":{"System":{"name":"` + c.system + `","correlationID":"x"}},"wsRequestHeader":{},"WSRequestBody":` + order(p.phone(), nil) + `}`,
		"two correlations":       `{"WSRequestHeader":{"System":{"name":"` + c.system + `","CorrelationID":"x","correlationid":"y"}},"WSRequestBody":` + order(p.phone(), nil) + `}`,
		"correlation not a text": `{"WSRequestHeader":{"System":{"name":"` + c.system + `","correlationID":7}},"WSRequestBody":` + order(p.phone(), nil) + `}`,
		"correlation of 129":     enveloped(c.system, strings.Repeat("c", 129), order(p.phone(), nil)),
		"correlation with CRLF":  `{"WSRequestHeader":{"System":{"name":"` + c.system + `","correlationID":"x\r\nSet-Cookie: a=b"}},"WSRequestBody":` + order(p.phone(), nil) + `}`,
	} {
		t := of(t, name)
		a := c.post(t, portabilidades, body, "X-System-Name", "")
		wantProblem(t, a, 400, "BAD_REQUEST")
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: the caller made a header: %v", name, a.header)
		}
	}
}
