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

// encode is a as it is sealed.
func (a Answer) encode() ([]byte, error) {
	head, err := json.Marshal(answerHead{a.Status, a.Header, a.Refusal})
	if err != nil {
		return nil, err
	}
	return append(append(head, '\n'), a.Body...), nil
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
