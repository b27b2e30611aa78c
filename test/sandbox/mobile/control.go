package mobile

import (
	"encoding/json"
	"net/http"
	"net/url"

	"puente/shared/problem"
)

// maxControl is the longest body of a control, in bytes.
const maxControl = 64 << 10

// Controls mounts the controls of the settings below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("GET /_sandbox/mobile/settings", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Configure(nil)) })
	control("POST /_sandbox/mobile/settings", s.postSettings)
}

func (s *Service) postSettings(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Public, Plain, Header *string
		Campaigns             []Campaign
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		refuse(w, &problem.Error{Kind: problem.Invalid, Detail: "the body is not what this control takes"})
		return
	}
	for path, base := range map[string]*string{"public": in.Public, "plain": in.Plain} {
		if base != nil && *base != "" && !isBase(*base) {
			refuse(w, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: "must be http or https, a host and no path"}}})
			return
		}
	}
	answer(w, s.Configure(func(now *Settings) {
		set(&now.Public, in.Public)
		set(&now.Plain, in.Plain)
		set(&now.Header, in.Header)
		if in.Campaigns != nil {
			now.Campaigns = in.Campaigns
		}
	}))
}

func set(member, given *string) {
	if given != nil {
		*member = *given
	}
}

// isBase reports whether paths can be put after text.
func isBase(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && *u == url.URL{Scheme: u.Scheme, Host: u.Host}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, e *problem.Error) {
	w.Header().Set("Content-Type", problem.MediaType)
	w.WriteHeader(e.Kind.Status())
	_, _ = w.Write(problem.Marshal(e))
}
