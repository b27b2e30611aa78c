package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"puente/test/sandbox/inventory"
	"puente/test/sandbox/tvplatforms"
)

// Paths of the television's channels.
const (
	validateTVPath  = "/api/soporte1n/v1/validatetv"
	normalizeTVPath = "/api/soporte1n/v2/normalizetv"
	serviceTests    = "/tmf-api/serviceTestManagement/v4/serviceTest"
	activation      = "/tmf-api/ServiceActivationAndConfiguration/v4"
)

// tvTables are what the scenarios' lines are compared by.
var tvTables = func() string {
	var b strings.Builder
	for _, technology := range []string{"FTTH", "HFC", "IPTV"} {
		b.WriteString(document("TVTable", technology+":channels", channelTable))
		b.WriteString(document("TVTable", technology+":services", `{decodes: {SRV-TIMESHIFT: TIMESHIFT, SRV-GRABACION: GRABACION}}`))
	}
	return b.String()
}()

const channelTable = `{decodes: {CAN-HBO: HBO, CAN-FOX: FOX, CAN-STAR: STAR}, filters: {mss: [CAN-BASICO], platform: [BASICO]}}`

// applyTables makes tables so, where they are administered: at the process layer.
func (p *platform) applyTables(t testing.TB, documents string) {
	t.Helper()
	if status, body := p.admin(t, p.processLayer(), http.MethodPost, "/admin/v1/apply", documents); status != http.StatusOK {
		t.Fatalf("apply: %d %s", status, body)
	}
}

// processLayer is the process that hosts the process APIs: the second of three, or the only one.
func (p *platform) processLayer() *process { return p.processes[len(p.processes)/2] }

// set-top boxes, as the inventory writes them and as others do.
var (
	boxes      = []string{"00:1A:2B:3C:4D:5E", "00:1a:2b:3c:4d:5f"}
	boxesThere = []string{"001A.2B3C.4D5E", "00-1A-2B-3C-4D-5F"}
)

// tvLine is a line with television that no other scenario of the shape has.
type tvLine struct{ phone, account, technology string }

// newTV makes a line whose platforms have what the inventory says.
func (p *platform) newTV(t testing.TB, technology string) tvLine {
	t.Helper()
	phone := p.phone()
	l := tvLine{phone, "CS-" + phone, technology}
	change := inventory.Televise(phone, inventory.TelevisionChange{
		State: ptr("1"), Channels: &[]string{"CAN-HBO", "CAN-FOX", "CAN-BASICO", "CAN-HBO"}, Services: &[]string{"SRV-TIMESHIFT"}, Devices: &boxes,
	})
	change.Account, change.Technology = &l.account, &l.technology
	p.set(t, change)
	p.drift(t, l, tvplatforms.Setting{State: ptr("1"), Channels: []string{"FOX", "BASICO", "HBO"}, Services: []string{"TIMESHIFT"}, Devices: boxesThere})
	return l
}

// drift sets what the platforms hold of a line.
func (p *platform) drift(t testing.TB, l tvLine, s tvplatforms.Setting) {
	t.Helper()
	s.Technology = l.technology
	if _, err := p.sandbox.TVPlatforms.Set(l.account, s); err != nil {
		t.Fatal(err)
	}
}

// changesOf is what the platforms were told of a line, and did, sorted.
func (p *platform) changesOf(l tvLine) []string {
	return p.tvChanges()[holder{l.technology, l.account}]
}

// holder is whom the platforms know: the same account may be known to several technologies.
type holder struct{ technology, account string }

// tvChanges is what the platforms were told of each, and did, sorted.
func (p *platform) tvChanges() map[holder][]string {
	made := map[holder][]string{}
	plain := strings.NewReplacer(":", "", "-", "", ".", "")
	for _, c := range p.sandbox.TVPlatforms.Changes() {
		item := c.Item
		if c.Platform == "DEVICES" { // each vendor has a notation of its own
			item = plain.Replace(item)
		}
		made[holder{c.Technology, c.Account}] = append(made[holder{c.Technology, c.Account}], c.Action+" "+item)
	}
	for _, one := range made {
		slices.Sort(one)
	}
	return made
}

// The checks of an answer, by the document's names.
const (
	tvChannels   = "ADDITIONAL_CHANNELS"
	tvServices   = "ADDITIONAL_SERVICES"
	tvDevices    = "DECOS"
	tvSubscriber = "SUSCRIBER_ID_STATE"
)

// tvResult is what an answer tells of television.
type tvResult struct {
	code    string
	account string
	checks  map[string]tvCheck
	id      string // of a normalization
}

type tvCheck struct {
	ExecutionDate string `json:"Execution_Date"`
	Semaphore     string
	Description   string `json:"Semaphore_Description"`
	Before, After *struct {
		Semaphore string
		Items     []string `json:"items"`
	}
	Actions []struct{ Action, Item, State string }
}

// did is what was done, sorted.
func (c tvCheck) did() (did []string) {
	for _, a := range c.Actions {
		did = append(did, a.Action+" "+a.Item+" "+a.State)
	}
	slices.Sort(did)
	return did
}

// semaphores are those of a result by check, but for the green ones.
func (r tvResult) semaphores() map[string]string {
	all := map[string]string{}
	for name, c := range r.checks {
		if c.Semaphore != "Green" {
			all[name] = c.Semaphore
		}
	}
	return all
}

// television asks for a line under a new correlation.
func (c *caller) television(t testing.TB, path, phone string, more ...members) (answer, tvResult) {
	t.Helper()
	body := members{"Phone": phone, "Audit": members{"Canal": "web"}}
	for _, m := range more {
		maps.Copy(body, m)
	}
	a := c.post(t, path, inEnvelope(c.system, c.correlation(), text(body)), "X-System-Name", "")
	return a, resultOf(t, a)
}

func resultOf(t testing.TB, a answer) tvResult {
	t.Helper()
	leaks(t, a)
	var in struct {
		Header struct {
			Service struct {
				StatusDetail []struct{ ErrorCode string }
			}
		} `json:"WSResponseHeader"`
		Body map[string]json.RawMessage `json:"WSResponseBody"`
	}
	if err := json.Unmarshal([]byte(a.body), &in); err != nil || len(in.Header.Service.StatusDetail) != 1 {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	r := tvResult{code: in.Header.Service.StatusDetail[0].ErrorCode, checks: map[string]tvCheck{}}
	for name, value := range in.Body {
		var to any
		switch name {
		case "Service_Account":
			to = &r.account
		case "Normalization_Id":
			to = &r.id
		case tvChannels, tvServices, tvDevices, tvSubscriber:
			to = new(tvCheck)
		default:
			continue
		}
		if err := json.Unmarshal(value, to); err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		if check, ok := to.(*tvCheck); ok {
			r.checks[name] = *check
		}
	}
	return r
}

// wantTV holds a result to its code and its semaphores but for the green ones.
func wantTV(t testing.TB, a answer, r tvResult, code string, semaphores map[string]string) {
	t.Helper()
	if a.status != 200 || r.code != code || code == "OK_01" && (len(r.checks) != 4 || !maps.Equal(r.semaphores(), semaphores)) {
		t.Errorf("want %s %v: %d %s", code, semaphores, a.status, a.body)
	}
}

var stamp = regexp.MustCompile(`"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{7}Z"`)

// televisionSample: the document's sample request has the document's sample answer; then the red check is
// made green, and then there is nothing to do.
func televisionSample(t *testing.T, p *platform) {
	c, l := p.caller(t), tvLine{"6012450001", "CS-905967", "FTTH"}
	id := "LUZ-0.2609072297485403"
	request := fmt.Sprintf(`{"WSRequestHeader": {"System": {"name": %q, "correlationID": %q, "processingServer": null}, "Property": [{"name": null, "value": null}]},
  "WSRequestBody": {"Phone": "6012450001", "Audit": {"Canal": "whatsapp", "IP_Address": "169.60.82.89", "IP_Latitud": "4.8094", "IP_Longitude": "-74.0980",
    "IP_City": "COTA", "IP_Country": "COLOMBIA", "Date": "2025-08-04", "Hour": "11:13:46"}}}`, c.system, id)
	want := `{"WSResponseHeader":{"System":{"name":"` + c.system + `","correlationID":"` + id + `","processingServer":null},"Service":{"status":"OK","responseDate":TIME,` +
		`"processingServer":null,"statusDetail":[{"errorCode":"OK_01","errorDetailCode":"La solicitud fue exitosa","errorMessage":"La solicitud ` + id + ` fue exitosa",` +
		`"errorMessageUser":null}]},"Property":[{"name":null,"value":null}]},"WSResponseBody":{"ADDITIONAL_CHANNELS":{"Execution_Date":TIME,"Semaphore":"Green",` +
		`"Semaphore_Description":"Los canales adicionales encontrados en plataforma son los mismos configurados en MSS"},"ADDITIONAL_SERVICES":{"Execution_Date":TIME,` +
		`"Semaphore":"Red","Semaphore_Description":"Los servicios adicionales encontrados en plataforma no son los mismos configurados en MSS. Se debe normalizar"},` +
		`"Phone":"6012450001","DECOS":{"Execution_Date":TIME,"Semaphore":"Green","Semaphore_Description":"Los MACs encontrados en plataforma son los mismos configurados en MSS"},` +
		`"Service_Account":"CS-905967","SUSCRIBER_ID_STATE":{"Execution_Date":TIME,"Semaphore":"Green","Semaphore_Description":"El estado en la plataforma es 1 y en MSS es 1. ` +
		`No requiere normalización"},"Technology":"FTTH"}}`
	first := c.post(t, validateTVPath, request, "X-System-Name", "")
	if got := stamp.ReplaceAllString(first.body, "TIME"); first.status != 200 || got != want {
		t.Errorf("%d\n got %s\nwant %s", first.status, got, want)
	}
	if first.header.Get("Deprecation") != "@1754265600" || first.header.Get("Link") != `</api/soporte1n/v2/normalizetv>; rel="successor-version"` {
		t.Errorf("headers %v", first.header)
	}
	replayed(t, first, c.post(t, validateTVPath, request, "X-System-Name", ""))

	a, r := c.television(t, normalizeTVPath, l.phone)
	wantTV(t, a, r, "OK_01", nil)
	if s := r.checks[tvServices]; r.account != l.account || s.Before.Semaphore != "Red" || !slices.Equal(s.Before.Items, []string{"TIMESHIFT"}) ||
		s.After.Semaphore != "Green" || !slices.Equal(s.did(), []string{"ADD GRABACION DONE"}) {
		t.Errorf("normalized: %s", a.body)
	}
	a, again := c.television(t, normalizeTVPath, l.phone)
	wantTV(t, a, again, "OK_01", nil)
	for name, check := range again.checks {
		if len(check.Actions) > 0 {
			t.Errorf("the second time, %s: %s", name, a.body)
		}
	}
	if got := p.changesOf(l); !slices.Equal(got, []string{"ADD GRABACION"}) {
		t.Errorf("changed %v", got)
	}
	a, r = c.television(t, validateTVPath, l.phone)
	wantTV(t, a, r, "OK_01", nil)
}
