// Package typology holds what callers are told of each result code: texts and HTTP status by API,
// system and code, which operators edit while the platform serves. An API declares the texts of its
// codes; they are built in, and seeded into the table, whose rows are over them.
package typology

import (
	"strings"

	"puente/shared/problem"
)

// Declaration is what an API says of its result codes.
type Declaration struct {
	Texts []Declared

	// Phone and Document are the members of the request's body that {phone} and {document} stand for.
	Phone, Document string
}

// Declared is the built-in text of a code.
type Declared struct {
	Code string
	problem.Text
}

// find is the built-in text of code.
func (d *Declaration) find(code string) (problem.Text, bool) {
	for i := range d.Texts {
		if d.Texts[i].Code == code {
			return d.Texts[i].Text, true
		}
	}
	return problem.Text{}, false
}

// Values are what the placeholders of a text stand for.
type Values struct {
	Correlation string // {correlationID}
	Phone       string // {phone}, as the caller sent it
	Document    string // {document}, masked
	PQR         string // {pqr}
}

// Fill is t with its placeholders filled. What a value holds is not looked at again.
func Fill(t problem.Text, v Values) problem.Text {
	for _, text := range []**string{&t.Detail, &t.Message, &t.User} {
		if *text != nil && strings.Contains(**text, "{") {
			filled := v.fill(**text)
			*text = &filled
		}
	}
	return t
}

func (v Values) fill(text string) string {
	var filled strings.Builder
	for {
		before, rest, _ := strings.Cut(text, "{")
		filled.WriteString(before)
		name, after, found := strings.Cut(rest, "}")
		if !found {
			filled.WriteString(text[len(before):])
			return filled.String()
		}
		switch name {
		case "correlationID":
			filled.WriteString(v.Correlation)
		case "phone":
			filled.WriteString(v.Phone)
		case "document":
			filled.WriteString(v.Document)
		case "pqr":
			filled.WriteString(v.PQR)
		default: // no placeholder: the brace stands for itself
			filled.WriteByte('{')
			after = rest
		}
		text = after
	}
}

// anything stands for every system.
const anything = "*"

// Snapshot is the table as it was at one moment. It never changes.
type Snapshot struct {
	version int64
	texts   map[key]problem.Text // of enabled rows
}

// key is a row's; system is in lower case.
type key struct{ api, system, code string }

// Version is the number of the state that the snapshot shows; zero: nothing was loaded yet.
func (s *Snapshot) Version() int64 { return s.version }

// Find gives the text of a code for a system: its own row, else that of any system, else the built-in
// one. It is false for a code that is none of the API's.
func (s *Snapshot) Find(api string, d *Declaration, system, code string) (problem.Text, bool) {
	if t, ok := s.texts[key{api, strings.ToLower(system), code}]; ok {
		return t, true
	}
	if t, ok := s.texts[key{api, anything, code}]; ok {
		return t, true
	}
	return d.find(code)
}
