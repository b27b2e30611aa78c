package subscriber

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"puente/shared/problem"
)

// maxControl is the longest body of a control, in bytes: some ten thousand lines.
const maxControl = 4 << 20

// Controls mounts the controls of lines and events below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("GET /_sandbox/subscriber/lines", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, s.Lines())
	})
	control("POST /_sandbox/subscriber/lines", post("a line or a list of lines", s.Set))
	control("GET /_sandbox/subscriber/events", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, s.Events())
	})
	control("POST /_sandbox/subscriber/events", post("an event or a list of events", s.Happen))
}

// post hands what a body holds, one or a list, to do, and answers what comes of it in the same form.
func post[In, Out any](what string, do func(...In) ([]Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, list, err := read[In](http.MaxBytesReader(w, r.Body, maxControl))
		if err != nil {
			err = &problem.Error{Kind: problem.Invalid, Detail: "the body must be " + what + ": " + err.Error(), Err: err}
		}
		var out []Out
		if err == nil {
			out, err = do(in...)
		}
		switch {
		case err != nil:
			e := problem.Of(err)
			w.Header().Set("Content-Type", problem.MediaType)
			w.WriteHeader(e.Kind.Status())
			w.Write(problem.Marshal(e))
		case list:
			write(w, http.StatusOK, out)
		default:
			write(w, http.StatusOK, out[0])
		}
	}
}

// read reads one value, or a list of them.
func read[T any](body io.Reader) (values []T, list bool, err error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, false, err
	}
	text = bytes.TrimSpace(text)
	if list = bytes.HasPrefix(text, []byte("[")); !list {
		text = bytes.Join([][]byte{{'['}, text, {']'}}, nil)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&values); err != nil {
		return nil, false, err
	}
	if !list && len(values) != 1 {
		return nil, false, io.ErrUnexpectedEOF
	}
	return values, list, nil
}
