package inventory

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"

	"puente/shared/problem"
)

// Television is what a line's account has of it. Nobody changes one: a line gets another.
type Television struct {
	State    string   `json:"state"` // that the subscriber is to have on the platforms
	Channels []string `json:"channels"`
	Services []string `json:"services"`
	Devices  []string `json:"devices"` // MAC addresses
}

// TelevisionChange is what the control sets of it; what is nil stays as it is.
type TelevisionChange struct {
	State    *string   `json:"state"`
	Channels *[]string `json:"channels"`
	Services *[]string `json:"services"`
	Devices  *[]string `json:"devices"`
}

// Televise is the change that sets a line's television.
func Televise(connection string, c TelevisionChange) Change {
	text, _ := json.Marshal(c) // strings only: cannot fail
	return Change{Connection: connection, Television: text}
}

// television is what c sets, nil where it takes television away.
func (c Change) television() (*TelevisionChange, error) {
	if len(c.Television) == 0 {
		return nil, nil
	}
	var t *TelevisionChange
	decoder := json.NewDecoder(bytes.NewReader(c.Television))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&t)
	return t, err
}

var notTelevision = problem.Field{Path: "television", Rule: "must be null or an object of state, channels, services and devices"}

// changed is t, which may be nil, with c.
func (t *Television) changed(c *TelevisionChange) *Television {
	if c == nil {
		return nil
	}
	now := Television{State: "1", Channels: []string{}, Services: []string{}, Devices: []string{}}
	if t != nil {
		now = *t
	}
	set(&now.State, c.State)
	setList(&now.Channels, c.Channels)
	setList(&now.Services, c.Services)
	setList(&now.Devices, c.Devices)
	return &now
}

func setList(member *[]string, value *[]string) {
	if value != nil {
		*member = append([]string{}, *value...)
	}
}

// televisionOf is the television of an account: that of the line which was set last.
func (s *Service) televisionOf(account string) (*Television, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[s.accounts[account]]
	return l.Television, l.Account == account && l.Television != nil // the line may have another by now
}

// index remembers whose television an account's is; the lock is held.
func (s *Service) index(l Line) {
	if l.Television != nil && l.Account != "" {
		s.accounts[l.Account] = l.Connection
	}
}

func (s *Service) mountTelevision(operation func(name, pattern string, handler http.HandlerFunc)) {
	const path = "GET /inventory/mss/v1/cuentas/{cuenta}/"
	operation("television_subscriber", path+"television", s.ofAccount(func(account string, t *Television) any {
		return struct {
			Account string `json:"CUENTA"`
			State   string `json:"ESTADO_SUSCRIPTOR"`
		}{account, t.State}
	}))
	operation("television_channels", path+"canales", s.ofAccount(func(account string, t *Television) any {
		return struct {
			Account  string  `json:"CUENTA"`
			Channels []coded `json:"CANALES"`
		}{account, codes(t.Channels)}
	}))
	operation("television_services", path+"servicios", s.ofAccount(func(account string, t *Television) any {
		return struct {
			Account  string  `json:"CUENTA"`
			Services []coded `json:"SERVICIOS"`
		}{account, codes(t.Services)}
	}))
	operation("television_devices", path+"equipos", s.ofAccount(func(account string, t *Television) any {
		type box struct {
			MAC string `json:"MAC"`
		}
		boxes := []box{}
		for _, mac := range t.Devices {
			boxes = append(boxes, box{mac})
		}
		return struct {
			Account string `json:"CUENTA"`
			Boxes   []box  `json:"EQUIPOS"`
		}{account, boxes}
	}))
}

// ofAccount answers with what show makes of an account's television.
func (s *Service) ofAccount(show func(account string, t *Television) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account := r.PathValue("cuenta")
		t, ok := s.televisionOf(account)
		if !ok {
			write(w, http.StatusNotFound, map[string]string{"codigo": "NO_EXISTE", "mensaje": "La cuenta no tiene televisión"})
			return
		}
		write(w, http.StatusOK, show(account, t))
	}
}

type coded struct {
	Code string `json:"CODIGO"`
}

func codes(list []string) []coded {
	all := []coded{}
	for _, code := range list {
		all = append(all, coded{code})
	}
	return all
}

// televised are the lines of the package comment that have television, or may.
func televised() []Line {
	line := func(connection, technology, account string, t *Television) Line {
		l := newLine(connection)
		l.Technology, l.Account, l.Television = technology, account, t
		return l
	}
	has := func(channels, services []string, macs ...string) *Television {
		return &Television{"1", slices.Concat([]string{}, channels), slices.Concat([]string{}, services), slices.Concat([]string{}, macs)}
	}
	return []Line{
		line("6012450001", "FTTH", "CS-905967", has([]string{"CAN-HBO", "CAN-FOX", "CAN-BASICO"}, []string{"SRV-TIMESHIFT", "SRV-GRABACION"},
			"00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5F")),
		line("6012450005", "HFC", "CS-905968", has([]string{"CAN-HBO"}, []string{"SRV-TIMESHIFT"}, "00:1A:2B:3C:4D:60", "00:1A:2B:3C:4D:61")),
		line("6012450006", "IPTV", "CS-905969", has([]string{"CAN-HBO", "CAN-FOX"}, []string{"SRV-GRABACION"}, "00:1A:2B:3C:4D:62")),
		line("6012450007", "FTTH", "", nil),
		line("6012450008", "FTTH", "CS-905970", has(nil, nil)),
	}
}
