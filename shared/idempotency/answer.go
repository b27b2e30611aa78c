package idempotency

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// answerHead is the first line of a stored answer; the body follows as it is.
type answerHead struct {
	Status int         `json:"status"`
	Header http.Header `json:"header,omitempty"`

	Refusal string `json:"refusal,omitempty"`
}

// kept are the headers that belong to an answer, whenever it is told.
var kept = [...]string{"Content-Type", "Location"}

// encode appends a as it is sealed. It is on the way of every request that acts: no reflection.
func (a Answer) encode(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"status":`...), int64(a.Status), 10)
	b = appendHeader(append(b, `,"header":`...), a.Header)
	if a.Refusal != "" {
		b = appendQuoted(append(b, `,"refusal":`...), a.Refusal)
	}
	b = append(b, '}', '\n')
	return append(b, a.Body...)
}

func appendHeader(b []byte, h http.Header) []byte {
	comma := []byte{','}
	b = append(b, '{')
	for _, name := range kept {
		if len(h[name]) == 0 {
			continue
		}
		b = append(appendQuoted(b, name), ":["...)
		for _, v := range h[name] {
			b = append(appendQuoted(b, v), comma...)
		}
		b = append(bytes.TrimSuffix(b, comma), "],"...)
	}
	return append(bytes.TrimSuffix(b, comma), '}')
}

func appendQuoted(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // what is no UTF-8 is replaced, which is all that the error says
	return b
}

// decodeAnswer reads what encode wrote.
func decodeAnswer(plain []byte) (*Answer, error) {
	first, body, ok := bytes.Cut(plain, []byte{'\n'})
	if !ok {
		return nil, errors.New("stored answer without a head")
	}
	var head answerHead
	if err := json.Unmarshal(first, &head); err != nil {
		return nil, fmt.Errorf("stored answer: %w", err)
	}
	return &Answer{head.Status, head.Header, body, head.Refusal}, nil
}
