package tvplatforms

import (
	"encoding/json"
	"net/http"
	"strings"
)

// hfcPaths are how HFC calls its platforms.
var hfcPaths = map[string]string{subscribers: "abonado", channels: "canales", services: "servicios", devices: "decos"}

// hfcCodes are what it says of a change.
var hfcCodes = map[outcome]string{made: "0", thereAlready: "17", notThere: "18", refused: "21", unknown: "404"}

// hfcAnswer is what it answers, always with 200.
type hfcAnswer struct {
	Code string  `json:"codigoRetorno"`
	List *string `json:"lista,omitempty"`
}

func (s *Service) mountHFC(operation func(name, pattern string, handler http.HandlerFunc)) {
	for _, platform := range append([]string{subscribers}, lists...) {
		name, path := "hfc_"+strings.ToLower(platform), "POST /tvplatforms/hfc/hfc/"+hfcPaths[platform]
		operation(name, path+"/consulta", s.hfcQuery(platform))
		operation(name+"_change", path+"/orden", s.hfcOrder(platform))
	}
}

func (s *Service) hfcQuery(platform string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Account string `json:"cuenta"`
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.Account == "" {
			write(w, http.StatusOK, hfcAnswer{Code: "90"})
			return
		}
		h, ok := s.Holding(hfc, in.Account)
		if !ok {
			write(w, http.StatusOK, hfcAnswer{Code: hfcCodes[unknown]})
			return
		}
		list := h.State
		if platform != subscribers {
			list = strings.Join(*h.list(platform), ";")
		}
		write(w, http.StatusOK, hfcAnswer{hfcCodes[made], &list})
	}
}

func (s *Service) hfcOrder(platform string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Account string `json:"cuenta"`
			Action  string `json:"accion"`
			Value   string `json:"valor"`
		}
		code := "90"
		if json.NewDecoder(r.Body).Decode(&in) == nil && in.Account != "" && in.Value != "" {
			switch {
			case platform == subscribers && in.Action == "ESTADO":
				code = hfcCodes[s.state(r, hfc, in.Account, in.Value)]
			case platform != subscribers && in.Action == "ALTA":
				code = hfcCodes[s.add(r, hfc, in.Account, platform, in.Value)]
			case platform != subscribers && in.Action == "BAJA":
				code = hfcCodes[s.remove(r, hfc, in.Account, platform, in.Value)]
			}
		}
		write(w, http.StatusOK, hfcAnswer{Code: code})
	}
}
