package tvplatforms

import (
	"context"
	"strings"

	"puente/contracts/sapi/tvplatforms"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// The platforms of HFC take commands, and answer 200 whatever came of them:
//
//	POST /hfc/{abonado|canales|servicios|decos}/consulta  {"cuenta"}                     {"codigoRetorno":"0","lista":"HBO;FOX"}
//	POST /hfc/{abonado|canales|servicios|decos}/orden     {"cuenta","accion","valor"}    {"codigoRetorno":"0"}
//
// The list of an abonado is its state, and its action ESTADO; the others' are ALTA and BAJA.
const (
	hfcDone         = "0"
	hfcThereAlready = "17"
	hfcNotThere     = "18"
	hfcUnknown      = "404" // the account
	hfcRefused      = "2"   // and another digit
)

// hfc is one of the platforms.
type hfc struct {
	target       string
	platform     tvplatforms.Platform
	spell        func(item string) string
	query, order *httpclient.JSON
}

func newHFC(out *httpclient.Client, target string, p tvplatforms.Platform) adapter {
	path := "POST /hfc/" + map[tvplatforms.Platform]string{
		tvplatforms.PlatformSubscribers: "abonado", tvplatforms.PlatformChannels: "canales",
		tvplatforms.PlatformServices: "servicios", tvplatforms.PlatformDevices: "decos",
	}[p]
	return &hfc{
		target: target, platform: p, spell: spelling(p, 2, "-"),
		query: out.JSON("consulta", httpclient.Safe, path+"/consulta"),
		order: out.JSON("orden", httpclient.Safe, path+"/orden"),
	}
}

type hfcQuery struct {
	Account string `json:"cuenta"`
}

type hfcOrder struct {
	Account string `json:"cuenta"`
	Action  string `json:"accion"`
	Value   string `json:"valor"`
}

type hfcAnswer struct {
	Code    string  `json:"codigoRetorno"`
	Message string  `json:"mensaje"`
	List    *string `json:"lista"`
}

func (a *hfc) holding(ctx context.Context, account string) ([]string, error) {
	var found hfcAnswer
	if err := a.query.Call(ctx, httpclient.Ask{Body: hfcQuery{account}}, &found); err != nil {
		return nil, err
	}
	switch {
	case found.Code == hfcUnknown:
		return nil, problem.Errorf(problem.NotFound, "%s does not know the account", a.target)
	case found.Code != hfcDone:
		return nil, a.failed(found)
	case found.List == nil:
		return nil, malformed(a.target, "no list")
	case a.platform == tvplatforms.PlatformSubscribers:
		return []string{*found.List}, nil
	case *found.List == "":
		return nil, nil
	}
	return strings.Split(*found.List, ";"), nil
}

func (a *hfc) change(ctx context.Context, account string, add, remove []string) error {
	if a.platform == tvplatforms.PlatformSubscribers {
		return a.tell(ctx, hfcOrder{account, "ESTADO", add[0]}, hfcThereAlready)
	}
	for _, item := range add {
		if err := a.tell(ctx, hfcOrder{account, "ALTA", a.spell(item)}, hfcThereAlready); err != nil {
			return err
		}
	}
	for _, item := range remove {
		if err := a.tell(ctx, hfcOrder{account, "BAJA", item}, hfcNotThere); err != nil {
			return err
		}
	}
	return nil
}

// tell gives an order; fine is the code that says that there is nothing to do.
func (a *hfc) tell(ctx context.Context, order hfcOrder, fine string) error {
	var told hfcAnswer
	if err := a.order.Call(ctx, httpclient.Ask{Body: order}, &told); err != nil {
		return err
	}
	switch code := told.Code; {
	case code == hfcDone || code == fine:
		return nil
	case code == hfcUnknown, len(code) == 2 && strings.HasPrefix(code, hfcRefused):
		return refused(a.target, code+": "+telemetry.MaskText(told.Message))
	}
	return a.failed(told)
}

// failed is a technical error that came as an answer.
func (a *hfc) failed(told hfcAnswer) error {
	return problem.Errorf(problem.BadUpstream, "%s returned %q: %s",
		a.target, telemetry.MaskText(told.Code), telemetry.MaskText(told.Message)).Caused(a.target)
}
