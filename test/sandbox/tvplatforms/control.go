package tvplatforms

import (
	"encoding/json"
	"net/http"

	"puente/shared/problem"
)

// maxControl is the longest body of the control, in bytes.
const maxControl = 1 << 20

// Controls mounts the control of the holdings below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("GET /_sandbox/tvplatforms", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, s.Holdings())
	})
	control("POST /_sandbox/tvplatforms/{account}", s.postHolding)
}

func (s *Service) postHolding(w http.ResponseWriter, r *http.Request) {
	var c Setting
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&c)
	if err != nil {
		err = &problem.Error{Kind: problem.Invalid, Detail: "the body must be a holding: " + err.Error(), Err: err}
	}
	var now Holding
	if err == nil {
		now, err = s.Set(r.PathValue("account"), c)
	}
	if err != nil {
		e := problem.Of(err)
		w.Header().Set("Content-Type", problem.MediaType)
		w.WriteHeader(e.Kind.Status())
		w.Write(problem.Marshal(e))
		return
	}
	write(w, http.StatusOK, now)
}
