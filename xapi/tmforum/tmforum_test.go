package tmforum

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"puente/contracts/papi/reconnection"
	"puente/contracts/papi/tvvalidation"
	"puente/contracts/xapi/tmf621"
	"puente/contracts/xapi/tmf641"
	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/problem"
	"puente/test/apitest"
)

// callers are those of the conversations beside client tienda.
func callers(api string) access.Entities {
	minute := admin.Duration(time.Minute)
	e := access.Entities{
		Tiers:    []admin.Named[access.TierSpec]{{ID: "one", Spec: access.TierSpec{Limits: []access.LimitSpec{{Requests: 1, Window: minute}}}}},
		Systems:  []admin.Named[access.SystemSpec]{{ID: "MiETB"}, {ID: "KIOSKOS"}},
		Switches: []admin.Named[access.SwitchSpec]{{ID: "kiosks", Spec: access.SwitchSpec{API: api, System: "KIOSKOS", Off: true, Reason: "maintenance", RetryAfter: 2 * minute}}},
	}
	add := func(id string, contracts []access.ContractSpec, systems ...string) {
		e.Clients = append(e.Clients, admin.Named[access.ClientSpec]{ID: id, Spec: access.ClientSpec{Name: id, Systems: systems, Contracts: contracts}})
	}
	held := []access.ContractSpec{{API: api, Tier: "default"}}
	add("several", held, "TIENDA", "MiETB")
	add("kiosk", held, "KIOSKOS")
	add("hurried", []access.ContractSpec{{API: api, Tier: "one"}}, "TIENDA")
	add("uncontracted", nil, "TIENDA")
	return e
}

func TestTroubleTicketConversations(t *testing.T) {
	apitest.Run(t, TroubleTicket, "testdata/tmf621/*.txtar", apitest.Below(&reconnection.Contract), apitest.Seed(callers("tmf621")))
}

func TestServiceOrderConversations(t *testing.T) {
	apitest.Run(t, ServiceOrdering, "testdata/tmf641/*.txtar", apitest.Below(&reconnection.Contract), apitest.Seed(callers("tmf641")))
}

func TestServiceTestConversations(t *testing.T) {
	apitest.Run(t, ServiceTest, "testdata/tmf653/*.txtar", apitest.Below(&tvvalidation.Contract), apitest.Seed(callers("tmf653")))
}

func TestServiceActivationConversations(t *testing.T) {
	apitest.Run(t, ServiceActivation, "testdata/tmf640/*.txtar", apitest.Below(&tvvalidation.Contract), apitest.Seed(callers("tmf640")))
}

// A value of the process that had no counterpart would be answered as an empty member.
func TestEveryStateHasACounterpart(t *testing.T) {
	for _, state := range []reconnection.PQRState{reconnection.PQROpen, reconnection.PQRInProgress, reconnection.PQRResolved, reconnection.PQRClosed} {
		for _, reason := range []reconnection.PQRReason{reconnection.PQROrderNotPossible, reconnection.PQRDebtNotSettled} {
			got := ticketOf(reconnection.PQR{Number: "PQR-1", State: state, Reason: reason})
			if got.Status == "" || got.Severity == "" || got.Name == "" || got.Description == "" || string(got.StatusChangeReason) != string(reason) {
				t.Errorf("%s %s: %+v", state, reason, got)
			}
		}
	}
	for state, want := range map[reconnection.OrderState]tmf641.State{
		reconnection.OrderOpen: tmf641.StateInProgress, reconnection.OrderCompleted: tmf641.StateCompleted, reconnection.OrderCancelled: tmf641.StateCancelled,
	} {
		if got := orderOfNumber(reconnection.Order{State: state}).State; got != want {
			t.Errorf("%s: %s, want %s", state, got, want)
		}
	}
	for _, code := range []string{
		reconnection.CodeNoService, reconnection.CodeNotSuspended, reconnection.CodeNotHolder, reconnection.CodeNoStrategy, reconnection.CodeTechnical,
	} {
		order, err := orderOfBatch(reconnection.Batch{Results: []reconnection.BatchResult{{State: reconnection.ItemDone, Code: code}}}, "")
		if err != nil || order.State != tmf641.StateFailed || order.ServiceOrderItem[0].State != tmf641.StateFailed ||
			order.ErrorMessage[0].Code != code || order.ErrorMessage[0].Reason == "" || order.ErrorMessage[0].Message == "" {
			t.Errorf("%s: %+v %v", code, order, err)
		}
	}
}

// The same of the television validation.
func TestEveryTelevisionStateHasACounterpart(t *testing.T) {
	for _, state := range []tvvalidation.ServiceState{tvvalidation.ServiceActive, tvvalidation.ServiceSuspended} {
		if got := serviceOf(tvvalidation.Service{State: state}).State; got == "" {
			t.Errorf("%s has none", state)
		}
	}
	for _, semaphore := range []tvvalidation.Semaphore{tvvalidation.Green, tvvalidation.Red, tvvalidation.Yellow} {
		if got := normalized(tvvalidation.Correction{Before: tvvalidation.Check{Semaphore: semaphore}}).Semaphore; got == "" {
			t.Errorf("%s has none", semaphore)
		}
	}
}

// What the process says of its refusal is for operators; callers have the words of its code.
func TestExplainedInTheWordsOfTheCode(t *testing.T) {
	of := func(detail string, code string) error {
		return fmt.Errorf("hop: %w", &problem.Error{Kind: problem.Rejected, Code: code, Detail: detail})
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{of("", tvvalidation.CodePlatforms), "Error en la consulta paralela a plataformas"},
		{of("The table lacks CH-9", tvvalidation.CodeChannelTable), "Error en la configuración de canales adicionales"},
		{of("There is none", "ERROR_99"), "There is none"},
		{problem.Timeout, ""},
	} {
		if got := problem.Of(explained(c.err)); got.Detail != c.want || got.Kind != problem.Of(c.err).Kind {
			t.Errorf("%v: %v, want %s", c.err, got, c.want)
		}
	}
}

// A batch of another channel may have the id, but is no service order.
func TestBatchOfSeveralIsNoServiceOrder(t *testing.T) {
	for _, results := range [][]reconnection.BatchResult{nil, make([]reconnection.BatchResult, 2)} {
		if _, err := orderOfBatch(reconnection.Batch{Results: results}, ""); !errors.Is(err, problem.NotFound) {
			t.Errorf("%d results: %v", len(results), err)
		}
	}
}

func TestHolder(t *testing.T) {
	customer := func(id string) tmf641.RelatedParty { return tmf641.RelatedParty{ID: id, Role: "customer"} }
	other := tmf641.RelatedParty{ID: "portal", Role: "requester"}
	for _, c := range []struct {
		parties      []tmf641.RelatedParty
		kind, number string
		broken       string // the field of the error
	}{
		{[]tmf641.RelatedParty{customer("CC-1026578508")}, "CC", "1026578508", ""},
		{[]tmf641.RelatedParty{other, {ID: "NIT-900123456-7", Role: "Customer"}}, "NIT", "900123456-7", ""},
		{[]tmf641.RelatedParty{customer("CC-12345678901234567890123456789012")}, "CC", "12345678901234567890123456789012", ""},
		{[]tmf641.RelatedParty{customer("CC-123456789012345678901234567890123")}, "", "", "relatedParty[0].id"},
		{[]tmf641.RelatedParty{other, customer("1026578508")}, "", "", "relatedParty[1].id"},
		{[]tmf641.RelatedParty{customer("XX-1026578508")}, "", "", "relatedParty[0].id"},
		{[]tmf641.RelatedParty{customer("CC-")}, "", "", "relatedParty[0].id"},
		{[]tmf641.RelatedParty{other}, "", "", "relatedParty"},
		{[]tmf641.RelatedParty{customer("CC-1"), customer("CC-2")}, "", "", "relatedParty"},
	} {
		kind, number, err := holder(c.parties)
		if c.broken == "" && (err != nil || kind != c.kind || number != c.number) {
			t.Errorf("%v: %s %s %v", c.parties, kind, number, err)
		}
		if c.broken != "" && (!errors.Is(err, problem.Invalid) || problem.Of(err).Fields[0].Path != c.broken) {
			t.Errorf("%v: %v, want a fault of %s", c.parties, err, c.broken)
		}
	}
}

func TestSelected(t *testing.T) {
	whole := tmf621.TroubleTicket{ID: "1", Href: "/1", Name: "name", Status: tmf621.StatusClosed, Type: "TroubleTicket"}
	least := tmf621.TroubleTicket{ID: "1", Href: "/1"}
	for fields, want := range map[string]tmf621.TroubleTicket{
		"":                    whole,
		"none":                least,
		"id":                  least,
		"name":                {ID: "1", Href: "/1", Name: "name"},
		" name , status,":     {ID: "1", Href: "/1", Name: "name", Status: tmf621.StatusClosed},
		"@type,Name,note.txt": {ID: "1", Href: "/1", Type: "TroubleTicket"},
	} {
		if got := selected(whole, fields); got != want {
			t.Errorf("%q: %+v", fields, got)
		}
	}
	if whole.Name == "" {
		t.Error("what was selected from was changed")
	}
}
