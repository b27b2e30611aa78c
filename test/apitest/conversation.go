package apitest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// conversation is one file: what happens, in order.
type conversation struct {
	name  string // of the file, without its extension
	steps []step
}

// A step is an exchange, or a statement by which the file changes what the database holds.
type step struct {
	exchange *exchange
	sql      section
}

// exchange is a request to the API, the calls that it makes to answer, and its response.
type exchange struct {
	request  message
	calls    []*call
	response message
}

// call is a request that the API makes, and what it is answered. Meanwhile is what happens while the
// API waits for that. With a call marked "and" it does not wait for the one before.
type call struct {
	target    string
	and       bool
	request   message
	meanwhile []step
	response  message
}

// message is a request or a response.
type message struct {
	section
	start  string // POST /path, or 200 OK, or one of the misbehaviours of a backend
	header []field
	body   string // without the file's last line feed
}

// field is a header line.
type field struct{ name, value string }

// section is a part of a file: "-- name --" and what follows.
type section struct {
	name string
	text string
	at   string // file and line
}

// read parses the file at path.
func read(path string) (*conversation, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, text)
}

// parse reads a conversation:
//
//	file     = comment { step }
//	step     = "sql" | "request" { call } "response"
//	call     = [ "and " ] "<target> request" { step } "<target> response"
func parse(path string, text []byte) (*conversation, error) {
	comment, sections := split(path, text)
	p := &parser{rest: sections, end: path}
	if strings.TrimSpace(comment) == "" {
		p.refuse(section{at: path + ":1"}, "a comment on top says what the file shows")
	}
	c := &conversation{name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), steps: p.steps()}
	if len(p.rest) > 0 {
		p.refuse(p.rest[0], "%q does not belong here", p.rest[0].name)
	} else if len(c.steps) == 0 {
		p.refuse(section{at: path + ":1"}, "no request")
	}
	return c, errors.Join(p.errs...)
}

// split cuts a file into its comment and its sections, as txtar does (golang.org/x/tools/txtar).
func split(path string, text []byte) (comment string, sections []section) {
	var body strings.Builder
	keep := func() {
		if len(sections) == 0 {
			comment = body.String()
		} else {
			sections[len(sections)-1].text = body.String()
		}
		body.Reset()
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		trimmed := strings.TrimSpace(string(line))
		if name, ok := strings.CutPrefix(trimmed, "-- "); ok && strings.HasSuffix(name, " --") {
			keep()
			sections = append(sections, section{name: strings.TrimSpace(strings.TrimSuffix(name, " --")), at: path + ":" + strconv.Itoa(number)})
			continue
		}
		body.Write(line)
	}
	keep()
	return comment, sections
}

type parser struct {
	rest []section
	end  string
	errs []error
}

func (p *parser) refuse(s section, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(s.at+": "+format, args...))
}

// take takes the next section if it has that name.
func (p *parser) take(name string) (section, bool) {
	if len(p.rest) == 0 || p.rest[0].name != name {
		return section{}, false
	}
	s := p.rest[0]
	p.rest = p.rest[1:]
	return s, true
}

func (p *parser) steps() []step {
	var steps []step
	for {
		if s, ok := p.take("sql"); ok {
			steps = append(steps, step{sql: s})
		} else if s, ok := p.take("request"); ok {
			steps = append(steps, step{exchange: p.exchange(s)})
		} else {
			return steps
		}
	}
}

func (p *parser) exchange(s section) *exchange {
	x := &exchange{request: p.request(s)}
	for len(p.rest) > 0 {
		target, ok := strings.CutSuffix(p.rest[0].name, " request")
		if !ok {
			break
		}
		c := &call{request: p.request(p.rest[0])}
		if c.target, c.and = strings.CutPrefix(target, "and "); c.and && x.calls == nil {
			p.refuse(p.rest[0], "%q follows no call", p.rest[0].name)
		}
		p.rest = p.rest[1:]
		c.meanwhile = p.steps()
		if s, ok := p.take(c.target + " response"); ok {
			c.response = p.response(s, true)
		} else {
			p.refuse(c.request.section, "has no %q", c.target+" response")
		}
		x.calls = append(x.calls, c)
	}
	if s, ok := p.take("response"); ok {
		x.response = p.response(s, false)
	} else {
		p.refuse(x.request.section, `has no "response"`)
	}
	return x
}

func (p *parser) request(s section) message {
	m := p.message(s)
	method, target, _ := strings.Cut(m.start, " ")
	if method == "" || method != strings.ToUpper(method) || !strings.HasPrefix(target, "/") || strings.Contains(target, " ") {
		p.refuse(s, "must begin with METHOD /target, not %q", m.start)
	}
	return m
}

// The misbehaviours of a backend.
const (
	hang  = "hang"  // never answers
	reset = "reset" // ends the connection without an answer
)

func (p *parser) response(s section, backend bool) message {
	m := p.message(s)
	if backend && (m.start == hang || m.start == reset) {
		return m
	}
	if status := m.status(); status == 0 || m.start != strings.TrimSpace(fmt.Sprint(status, " ", http.StatusText(status))) {
		p.refuse(s, "must begin with a status such as 200 OK, not %q", m.start)
	}
	return m
}

// status is that of a response; 0 if it has none.
func (m *message) status() int {
	text, _, _ := strings.Cut(m.start, " ")
	status, _ := strconv.Atoi(text)
	return status
}

// get is the value of a header line, and whether there is one.
func (m *message) get(name string) (string, bool) {
	for _, f := range m.header {
		if strings.EqualFold(f.name, name) {
			return f.value, true
		}
	}
	return "", false
}

// message takes a section apart: start line, header lines, an empty line, body.
func (p *parser) message(s section) message {
	m := message{section: s}
	head, body, _ := strings.Cut(s.text, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	m.start, m.body = strings.TrimSpace(lines[0]), strings.TrimSuffix(body, "\n")
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			p.refuse(s, "%q is no header line", line)
			continue
		}
		m.header = append(m.header, field{name, strings.TrimSpace(value)})
	}
	return m
}
