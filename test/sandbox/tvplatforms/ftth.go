package tvplatforms

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// ftthPaths are where FTTH has its lists.
var ftthPaths = map[string]string{channels: "canales", services: "servicios", devices: "decos"}

func (s *Service) mountFTTH(operation func(name, pattern string, handler http.HandlerFunc)) {
	const account = " /tvplatforms/ftth/asap/v1/suscriptores/{cuenta}"
	operation("ftth_subscribers", "GET"+account, s.ftthSubscriber)
	operation("ftth_subscribers_change", "PUT"+account+"/estado", s.ftthState)
	for _, platform := range lists {
		name, path := "ftth_"+strings.ToLower(platform), account+"/"+ftthPaths[platform]
		operation(name, "GET"+path, s.ftthList(platform))
		operation(name+"_change", "PUT"+path+"/{item}", s.ftthChange(platform, s.add))
		operation(name+"_change", "DELETE"+path+"/{item}", s.ftthChange(platform, s.remove))
	}
}

func (s *Service) ftthSubscriber(w http.ResponseWriter, r *http.Request) {
	h, ok := s.Holding(ftth, r.PathValue("cuenta"))
	if !ok {
		ftthAnswer(w, unknown)
		return
	}
	var state any = h.State // for one that is no number the vendor has no other way
	if n, err := strconv.Atoi(h.State); err == nil {
		state = n
	}
	write(w, http.StatusOK, struct {
		Account string `json:"cuenta"`
		State   any    `json:"estado"`
	}{h.Account, state})
}

func (s *Service) ftthState(w http.ResponseWriter, r *http.Request) {
	var in struct {
		State *int `json:"estado"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.State == nil {
		write(w, http.StatusBadRequest, map[string]string{"codigo": "CUERPO", "mensaje": "Falta el estado"})
		return
	}
	ftthAnswer(w, s.state(r, ftth, r.PathValue("cuenta"), strconv.Itoa(*in.State)))
}

func (s *Service) ftthList(platform string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h, ok := s.Holding(ftth, r.PathValue("cuenta"))
		if !ok {
			ftthAnswer(w, unknown)
			return
		}
		var items any = *h.list(platform)
		if platform == devices {
			boxes := []map[string]string{}
			for _, mac := range h.Devices {
				boxes = append(boxes, map[string]string{"mac": mac})
			}
			items = boxes
		}
		write(w, http.StatusOK, map[string]any{ftthPaths[platform]: items})
	}
}

func (s *Service) ftthChange(platform string, change func(r *http.Request, technology, account, platform, item string) outcome) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ftthAnswer(w, change(r, ftth, r.PathValue("cuenta"), platform, r.PathValue("item")))
	}
}

// ftthAnswer tells what became of a change.
func ftthAnswer(w http.ResponseWriter, o outcome) {
	switch o {
	case unknown:
		write(w, http.StatusNotFound, map[string]string{"codigo": "CUENTA_NO_EXISTE", "mensaje": "La cuenta no existe"})
	case notThere:
		write(w, http.StatusNotFound, map[string]string{"codigo": "NO_EXISTE", "mensaje": "La cuenta no lo tiene"})
	case refused:
		write(w, http.StatusUnprocessableEntity, map[string]string{"codigo": "RECHAZADO", "mensaje": "La plataforma no admite el cambio"})
	default: // done now, or before
		w.WriteHeader(http.StatusNoContent)
	}
}
