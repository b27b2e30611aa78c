package tvplatforms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/tvplatforms"
	"puente/shared/httpclient"
	"puente/shared/telemetry"
)

// The platforms of FTTH are resources behind ASAP:
//
//	GET        /asap/v1/suscriptores/{cuenta}                     {"cuenta":"CS-905967","estado":1}
//	PUT        /asap/v1/suscriptores/{cuenta}/estado              {"estado":1}
//	GET        /asap/v1/suscriptores/{cuenta}/canales             {"canales":["HBO"]}
//	GET        /asap/v1/suscriptores/{cuenta}/servicios           {"servicios":["TIMESHIFT"]}
//	GET        /asap/v1/suscriptores/{cuenta}/decos               {"decos":[{"mac":"001A.2B3C.4D5E"}]}
//	PUT|DELETE /asap/v1/suscriptores/{cuenta}/{canales|…}/{item}
//
// A change is answered 204. Errors are {"codigo","mensaje"}: 404 for what is not there, 409 and 422 for
// what is refused.
const asap = "/asap/v1/suscriptores/{}"

func newFTTH(out *httpclient.Client, target string, p tvplatforms.Platform) adapter {
	if p == tvplatforms.PlatformSubscribers {
		a := &ftthSubscriber{
			target: target,
			get:    out.JSON("getSubscriber", httpclient.Safe, "GET "+asap),
			set:    out.JSON("setState", httpclient.Safe, "PUT "+asap+"/estado"),
		}
		a.get.Absent, a.set.Refusal = ftthUnknown, ftthRefusal(target)
		return a
	}
	list := asap + "/" + map[tvplatforms.Platform]string{
		tvplatforms.PlatformChannels: "canales", tvplatforms.PlatformServices: "servicios", tvplatforms.PlatformDevices: "decos",
	}[p]
	a := &ftthItems{
		target: target, platform: p, spell: spelling(p, 4, "."),
		list:   out.JSON("getItems", httpclient.Safe, "GET "+list),
		add:    out.JSON("addItem", httpclient.Safe, "PUT "+list+"/{}"),
		remove: out.JSON("removeItem", httpclient.Safe, "DELETE "+list+"/{}"),
	}
	a.list.Absent, a.add.Refusal, a.remove.Refusal = ftthUnknown, ftthRefusal(target), ftthRefusal(target)
	return a
}

// ftthSubscriber is the platform of the subscribers.
type ftthSubscriber struct {
	target   string
	get, set *httpclient.JSON
}

type ftthState struct {
	Account string `json:"cuenta,omitempty"`
	State   *int64 `json:"estado"`
}

func (a *ftthSubscriber) holding(ctx context.Context, account string) ([]string, error) {
	var found ftthState
	if err := a.get.Call(ctx, httpclient.Ask{Path: []string{account}}, &found); err != nil {
		return nil, err
	}
	if found.Account != account {
		return nil, malformed(a.target, "another account than was asked for")
	}
	if found.State == nil {
		return nil, malformed(a.target, "no state")
	}
	return []string{strconv.FormatInt(*found.State, 10)}, nil
}

func (a *ftthSubscriber) change(ctx context.Context, account string, add, _ []string) error {
	state, err := strconv.ParseInt(add[0], 10, 64)
	if err != nil {
		return refused(a.target, "its states are numbers")
	}
	return a.set.Call(ctx, httpclient.Ask{Path: []string{account}, Body: ftthState{State: &state}}, nil)
}

// ftthItems is the platform of channels, services or set-top boxes.
type ftthItems struct {
	target            string
	platform          tvplatforms.Platform
	spell             func(item string) string
	list, add, remove *httpclient.JSON
}

// ftthLists has one of its members; a pointer tells an empty list from none.
type ftthLists struct {
	Channels *[]string `json:"canales"`
	Services *[]string `json:"servicios"`
	Boxes    *[]struct {
		MAC string `json:"mac"`
	} `json:"decos"`
}

func (a *ftthItems) holding(ctx context.Context, account string) ([]string, error) {
	var found ftthLists
	if err := a.list.Call(ctx, httpclient.Ask{Path: []string{account}}, &found); err != nil {
		return nil, err
	}
	items := found.Channels
	switch a.platform {
	case tvplatforms.PlatformServices:
		items = found.Services
	case tvplatforms.PlatformDevices:
		if items = nil; found.Boxes != nil {
			items = new([]string)
			for _, box := range *found.Boxes {
				*items = append(*items, box.MAC)
			}
		}
	}
	if items == nil {
		return nil, malformed(a.target, "no list")
	}
	return *items, nil
}

func (a *ftthItems) change(ctx context.Context, account string, add, remove []string) error {
	for _, item := range add {
		if err := a.add.Call(ctx, httpclient.Ask{Path: []string{account, a.spell(item)}}, nil); err != nil {
			return err
		}
	}
	for _, item := range remove {
		err := a.remove.Call(ctx, httpclient.Ask{Path: []string{account, item}}, nil)
		if err != nil && !errors.Is(err, errGone) {
			return err
		}
	}
	return nil
}

// errGone is a refusal of the change of what is not there.
var errGone = errors.New("not there")

type ftthRejection struct {
	Code    string `json:"codigo"`
	Message string `json:"mensaje"`
}

// ftthUnknown reports whether a platform says that it has no such account. What another 404 means, a
// gateway's for instance, nobody may take for an account that has nothing.
func ftthUnknown(text []byte) bool {
	var told ftthRejection
	return json.Unmarshal(text, &told) == nil && told.Code == "CUENTA_NO_EXISTE"
}

// ftthRefusal reads how a change is refused. Errors of another shape may come from anywhere before the
// platform.
func ftthRefusal(target string) func(status int, text []byte) error {
	return func(status int, text []byte) error {
		if status != http.StatusNotFound && status != http.StatusConflict && status != http.StatusUnprocessableEntity {
			return nil
		}
		var told ftthRejection
		if json.Unmarshal(text, &told) != nil || told.Code == "" {
			return nil
		}
		err := refused(target, telemetry.MaskText(told.Code)+": "+telemetry.MaskText(told.Message))
		if status == http.StatusNotFound && told.Code == "NO_EXISTE" { // the item; of an account it says CUENTA_NO_EXISTE
			return fmt.Errorf("%w: %w", errGone, err)
		}
		return err
	}
}
