package tvplatforms

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// iptvPaths are how IPTV calls its lists.
var iptvPaths = map[string]string{channels: "packages", services: "features", devices: "stbs"}

func (s *Service) mountIPTV(operation func(name, pattern string, handler http.HandlerFunc)) {
	const account = " /tvplatforms/iptv/iptv/accounts/{account}/"
	operation("iptv_subscribers", "GET"+account+"profile", s.iptvProfile)
	operation("iptv_subscribers_change", "PUT"+account+"profile", s.iptvSetProfile)
	for _, platform := range lists {
		name, path := "iptv_"+strings.ToLower(platform), account+iptvPaths[platform]
		operation(name, "GET"+path, s.iptvBundle(platform))
		operation(name+"_change", "PATCH"+path, s.iptvPatch(platform))
	}
}

type iptvStatus struct {
	Status string `json:"status"`
}

func (s *Service) iptvProfile(w http.ResponseWriter, r *http.Request) {
	h, ok := s.Holding(iptv, r.PathValue("account"))
	if !ok {
		iptvRefuse(w, unknown)
		return
	}
	write(w, http.StatusOK, iptvStatus{h.State})
}

func (s *Service) iptvSetProfile(w http.ResponseWriter, r *http.Request) {
	var in iptvStatus
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Status == "" {
		write(w, http.StatusBadRequest, map[string]string{"error": "no status"})
		return
	}
	if o := s.state(r, iptv, r.PathValue("account"), in.Status); o == unknown || o == refused {
		iptvRefuse(w, o)
		return
	}
	s.iptvProfile(w, r)
}

func (s *Service) iptvBundle(platform string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		items, ok := s.bundle(r.PathValue("account"), platform)
		if !ok {
			iptvRefuse(w, unknown)
			return
		}
		write(w, http.StatusOK, items)
	}
}

// iptvPatch makes all of a change or nothing.
func (s *Service) iptvPatch(platform string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Add    []string `json:"add"`
			Remove []string `json:"remove"`
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil || len(in.Add)+len(in.Remove) == 0 {
			write(w, http.StatusBadRequest, map[string]string{"error": "nothing to change"})
			return
		}
		if o := s.patch(r, platform, in.Add, in.Remove); o != made {
			iptvRefuse(w, o)
			return
		}
		s.iptvBundle(platform)(w, r)
	}
}

func (s *Service) patch(r *http.Request, platform string, add, remove []string) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holdings[key{iptv, r.PathValue("account")}]
	switch {
	case !ok:
		return unknown
	case slices.ContainsFunc(slices.Concat(add, remove), h.refuses):
		return refused
	}
	for _, item := range add {
		s.added(r, h, platform, item)
	}
	for _, item := range remove {
		s.removed(r, h, platform, item)
	}
	return made
}

type iptvItem struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

// bundle is what a list holds and what it held.
func (s *Service) bundle(account, platform string) (map[string][]iptvItem, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holdings[key{iptv, account}]
	if !ok {
		return nil, false
	}
	items := []iptvItem{}
	active := *h.list(platform)
	for _, id := range active {
		items = append(items, iptvItem{id, "ACTIVE"})
	}
	for _, id := range h.ceased[platform] {
		if !slices.ContainsFunc(active, same(id)) { // nor has it come back
			items = append(items, iptvItem{id, "CEASED"})
		}
	}
	return map[string][]iptvItem{"items": items}, true
}

func iptvRefuse(w http.ResponseWriter, o outcome) {
	if o == unknown {
		write(w, http.StatusNotFound, map[string]string{"error": "unknown account"})
		return
	}
	write(w, http.StatusUnprocessableEntity, map[string]string{"error": "the platform does not make this change"})
}
