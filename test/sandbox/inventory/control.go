package inventory

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"puente/shared/problem"
)

// maxControl is the longest body of the control, in bytes: some ten thousand lines.
const maxControl = 4 << 20

// Controls mounts the control of the lines below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("GET /_sandbox/inventory/lines", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, s.Lines())
	})
	control("POST /_sandbox/inventory/lines", s.postLines)
}

func (s *Service) postLines(w http.ResponseWriter, r *http.Request) {
	changes, list, err := readChanges(http.MaxBytesReader(w, r.Body, maxControl))
	var set []Line
	if err == nil {
		set, err = s.Set(changes...)
	}
	switch {
	case err != nil:
		e := problem.Of(err)
		w.Header().Set("Content-Type", problem.MediaType)
		w.WriteHeader(e.Kind.Status())
		w.Write(problem.Marshal(e))
	case list:
		write(w, http.StatusOK, set)
	default:
		write(w, http.StatusOK, set[0])
	}
}

// readChanges reads one change, or a list of them.
func readChanges(body io.Reader) (changes []Change, list bool, err error) {
	text, err := io.ReadAll(body)
	if err == nil {
		text = bytes.TrimSpace(text)
		if list = bytes.HasPrefix(text, []byte("[")); !list {
			text = bytes.Join([][]byte{{'['}, text, {']'}}, nil)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&changes)
	}
	if err == nil && !list && len(changes) != 1 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, false, &problem.Error{Kind: problem.Invalid, Detail: "the body must be a line or a list of lines: " + err.Error(), Err: err}
	}
	return changes, list, nil
}
