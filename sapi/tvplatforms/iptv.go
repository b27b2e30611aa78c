package tvplatforms

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/tvplatforms"
	"puente/shared/httpclient"
	"puente/shared/telemetry"
)

// The platforms of IPTV are bundles of an account's resources, changed in one call:
//
//	GET   /iptv/accounts/{account}/profile                  {"status":"1"}
//	PUT   /iptv/accounts/{account}/profile                  {"status":"1"}, answered the same
//	GET   /iptv/accounts/{account}/{packages|features|stbs} {"items":[{"id":"HBO","status":"ACTIVE"}]}
//	PATCH /iptv/accounts/{account}/{packages|features|stbs} {"add":[…],"remove":[…]}, answered as GET
//
// A bundle remembers what it had: only ACTIVE counts. Errors are {"error"}: 404 for an unknown account,
// 422 for what is refused.
const iptvAccount = "/iptv/accounts/{}/"

func newIPTV(out *httpclient.Client, target string, p tvplatforms.Platform) adapter {
	if p == tvplatforms.PlatformSubscribers {
		a := &iptvProfile{
			target: target,
			get:    out.JSON("getProfile", httpclient.Safe, "GET "+iptvAccount+"profile"),
			set:    out.JSON("setProfile", httpclient.Safe, "PUT "+iptvAccount+"profile"),
		}
		a.get.Absent, a.set.Refusal = iptvUnknown, iptvRefusal(target)
		return a
	}
	path := iptvAccount + map[tvplatforms.Platform]string{
		tvplatforms.PlatformChannels: "packages", tvplatforms.PlatformServices: "features", tvplatforms.PlatformDevices: "stbs",
	}[p]
	a := &iptvBundle{
		target: target, spell: spelling(p, 12, ""),
		get:   out.JSON("getBundle", httpclient.Safe, "GET "+path),
		patch: out.JSON("changeBundle", httpclient.Safe, "PATCH "+path),
	}
	a.get.Absent, a.patch.Refusal = iptvUnknown, iptvRefusal(target)
	return a
}

// iptvProfile is the platform of the subscribers.
type iptvProfile struct {
	target   string
	get, set *httpclient.JSON
}

type iptvStatus struct {
	Status string `json:"status"`
}

func (a *iptvProfile) holding(ctx context.Context, account string) ([]string, error) {
	var found iptvStatus
	if err := a.get.Call(ctx, httpclient.Ask{Path: []string{account}}, &found); err != nil {
		return nil, err
	}
	return []string{found.Status}, nil
}

func (a *iptvProfile) change(ctx context.Context, account string, add, _ []string) error {
	var now iptvStatus
	if err := a.set.Call(ctx, httpclient.Ask{Path: []string{account}, Body: iptvStatus{add[0]}}, &now); err != nil {
		return err
	}
	if now.Status != add[0] {
		return malformed(a.target, "another status than was set")
	}
	return nil
}

// iptvBundle is the platform of channels, services or set-top boxes.
type iptvBundle struct {
	target     string
	spell      func(item string) string
	get, patch *httpclient.JSON
}

type iptvItems struct {
	Items *[]struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	} `json:"items"` // a pointer tells an empty list from none
}

type iptvPatch struct {
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

func (a *iptvBundle) holding(ctx context.Context, account string) ([]string, error) {
	var found iptvItems
	if err := a.get.Call(ctx, httpclient.Ask{Path: []string{account}}, &found); err != nil {
		return nil, err
	}
	return a.active(found)
}

func (a *iptvBundle) active(found iptvItems) ([]string, error) {
	if found.Items == nil {
		return nil, malformed(a.target, "no list")
	}
	var active []string
	for _, item := range *found.Items {
		switch {
		case item.ID == "" || item.Status == "":
			return nil, malformed(a.target, "an item without id or status")
		case item.Status == "ACTIVE":
			active = append(active, item.ID)
		}
	}
	return active, nil
}

// change holds the platform to what it answers: an item that was passed over is not a change that was
// made.
func (a *iptvBundle) change(ctx context.Context, account string, add, remove []string) error {
	patch := iptvPatch{Remove: remove}
	for _, item := range add {
		patch.Add = append(patch.Add, a.spell(item))
	}
	var found iptvItems
	if err := a.patch.Call(ctx, httpclient.Ask{Path: []string{account}, Body: patch}, &found); err != nil {
		return err
	}
	items, err := a.active(found)
	if err != nil {
		return err
	}
	active := map[string]bool{}
	for _, item := range items {
		active[a.spell(item)] = true
	}
	for _, item := range patch.Add {
		if !active[item] {
			return malformed(a.target, "not all that was added")
		}
	}
	for _, item := range remove {
		if active[a.spell(item)] {
			return malformed(a.target, "what was removed")
		}
	}
	return nil
}

type iptvRejection struct {
	Error string `json:"error"`
}

// iptvUnknown reports whether a platform says that it has no such account: a 404 of another shape may come
// from anywhere before it.
func iptvUnknown(text []byte) bool {
	var told iptvRejection
	return json.Unmarshal(text, &told) == nil && told.Error == "unknown account"
}

// iptvRefusal reads how a change is refused. Errors of another shape may come from anywhere before the
// platform.
func iptvRefusal(target string) func(status int, text []byte) error {
	return func(status int, text []byte) error {
		var told iptvRejection
		if status != http.StatusNotFound && status != http.StatusUnprocessableEntity || json.Unmarshal(text, &told) != nil || told.Error == "" {
			return nil
		}
		return refused(target, telemetry.MaskText(told.Error))
	}
}
