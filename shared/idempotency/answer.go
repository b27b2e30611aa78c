package idempotency

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// answerHead is the first line of a stored answer; the body follows as it is.
type answerHead struct {
	Status int         `json:"status"`
	Header http.Header `json:"header,omitempty"`

	Refusal string `json:"refusal,omitempty"`
}

// headBytes is what most heads fit in.
const headBytes = 256

// encode is a as it is sealed.
func (a Answer) encode() ([]byte, error) {
	var b bytes.Buffer
	b.Grow(headBytes + len(a.Body))
	if err := json.NewEncoder(&b).Encode(answerHead{a.Status, a.Header, a.Refusal}); err != nil { // with the end of its line
		return nil, err
	}
	b.Write(a.Body)
	return b.Bytes(), nil
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
