package mobile

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"puente/shared/phone"
	"puente/test/sandbox/page"
	"puente/test/sandbox/smsc"
)

const (
	inbox   = 50  // messages that the page shows, the newest
	maxText = 640 // bytes of one that it sends
	refresh = 3   // seconds
)

// number is a phone that behaves in a way of its own, by its last four digits.
type number struct{ MSISDN, Does string }

// numbers are those of the partner hub specification §9.2, of accounts that are controlled.
var numbers = []number{
	{"56912340000", "todo va bien"},
	{"56912341402", "sin saldo"},
	{"56912342402", "sin saldo las 2 primeras veces"},
	{"56912341403", "bloqueada para contenidos"},
	{"56912341404", "línea desconocida"},
	{"56912341405", "de otro operador"},
	{"56912341408", "el cobro no responde, pero se hizo"},
	{"56912341409", "el cobro no responde y no se hizo"},
	{"56912341429", "el cobro contesta 429"},
	{"56912341500", "el cobro contesta 500"},
	{"56912341503", "el cobro no está disponible"},
	{"56912343000", "no recibe SMS"},
	{"56912343001", "sus SMS se confirman tarde"},
	{"56912343002", "envía todo dos veces"},
}

// way is how the phone comes to a landing page.
type way struct{ Title, WiFi, Mobile string }

// reply is a message that ends something.
type reply struct{ To, Text string }

// received is a message as the page shows it.
type received struct{ From, Text, At string }

// phone is the page of one phone or, without number, of all.
func (s *Service) phone(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	typed := query.Get("msisdn")
	msisdn, ok := canonical(typed)
	if !ok {
		trouble := ""
		if typed != "" {
			trouble = "Ese no es un número móvil: son 9 dígitos que empiezan por 9, con o sin 56."
		}
		choice.Write(w, page.Head{Status: http.StatusOK, Title: "Un móvil, simulado"}, struct {
			Trouble, Typed string
			Numbers        []number
		}{trouble, typed, numbers})
		return
	}
	settings := s.Configure(nil)
	head := page.Head{Status: http.StatusOK, Title: "Móvil " + msisdn, Refresh: refresh}
	if query.Get("write") != "" { // what is being typed would be lost
		head.Refresh = 0
	}
	own.Write(w, head, struct {
		MSISDN  string
		Write   bool
		Code    string
		Inbox   []received
		Ways    []way
		Replies []reply
	}{msisdn, head.Refresh == 0, settings.shortCode(), s.inbox(msisdn), settings.ways(msisdn), settings.replies()})
}

// canonical is the number that was typed, of either country.
func canonical(typed string) (msisdn string, ok bool) {
	for _, country := range []phone.Country{phone.Chile, phone.Peru} {
		if msisdn, ok = country.ParseTyped(typed); ok {
			return msisdn, true
		}
	}
	return "", false
}

func (s *Service) inbox(msisdn string) []received {
	got := s.sms.Messages(msisdn)
	if len(got) > inbox {
		got = got[len(got)-inbox:]
	}
	slices.Reverse(got)
	shown := make([]received, len(got))
	for i, m := range got {
		shown[i] = received{m.From, m.Text, m.SentAt.In(country).Format("15:04:05")}
	}
	return shown
}

// country is whose time the phone shows.
var country = func() *time.Location {
	if l, err := time.LoadLocation("America/Santiago"); err == nil {
		return l
	}
	return time.UTC // a machine without zones
}()

// ways lead to every campaign; none before it is known where the platform is.
func (s Settings) ways(msisdn string) []way {
	if s.Public == "" {
		return nil
	}
	ways := make([]way, len(s.Campaigns))
	for i, c := range s.Campaigns {
		ways[i] = way{c.title(), s.Link(c), "/mobile/proxy?" + url.Values{"msisdn": {msisdn}, "to": {"/he/" + url.PathEscape(c.Name) + "?" + c.Query}}.Encode()}
	}
	return ways
}

// Link is a partner's link to the campaign's landing page.
func (s Settings) Link(c Campaign) string {
	return s.Public + "/ads/" + url.PathEscape(c.Name) + "?" + c.Query
}

func (c Campaign) title() string {
	if c.Title == "" {
		return c.Name
	}
	return c.Title
}

// replies end what the campaigns began: one product, or all of a short code.
func (s Settings) replies() []reply {
	var all []reply
	for _, c := range s.Campaigns {
		if c.ShortCode == "" || c.Keyword == "" {
			continue
		}
		for _, one := range []reply{{c.ShortCode, "SALIR " + c.Keyword}, {c.ShortCode, "SALIR"}} {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return all
}

func (s Settings) shortCode() string {
	for _, c := range s.Campaigns {
		if c.ShortCode != "" {
			return c.ShortCode
		}
	}
	return ""
}

// send has the phone send a message, and goes back to its page.
func (s *Service) send(w http.ResponseWriter, r *http.Request) {
	trouble := func(status int, text string) {
		page.Trouble.Write(w, page.Head{Status: status, Title: "El SMS no salió"}, text)
	}
	from, ok := canonical(r.PostFormValue("msisdn"))
	to, text := r.PostFormValue("to"), r.PostFormValue("text")
	if !ok || to == "" || text == "" || len(to) > 16 || len(text) > maxText {
		trouble(http.StatusBadRequest, "Faltan el número, el destino o el texto, o son demasiado largos.")
		return
	}
	switch _, err := s.sms.Send(r.Context(), from, to, text); {
	case errors.Is(err, smsc.ErrNowhere):
		trouble(http.StatusConflict, "La plataforma aún no está en marcha: nadie recibe los SMS de los móviles.")
	case err != nil:
		trouble(http.StatusBadGateway, err.Error())
	default:
		http.Redirect(w, r, "/mobile?"+url.Values{"msisdn": {from}}.Encode(), http.StatusSeeOther)
	}
}

var (
	choice = page.New(`<section>
<h2>¿Qué número?</h2>
<form method="get" action="/mobile">
<label>Número de móvil<input type="tel" name="msisdn" value="{{.Typed}}" autocomplete="off" required></label>
<button>Ver el móvil</button>
</form>
{{with .Trouble}}<p class="wrong">{{.}}</p>
{{end}}</section>
<section>
<h2>Números de la demostración</h2>
<ul>
{{range .Numbers}}<li><a href="/mobile?msisdn={{.MSISDN}}">{{.MSISDN}}</a> {{.Does}}</li>
{{end}}</ul>
<p><small>Las cuatro últimas cifras dicen qué pasa; la que sigue a 569, el plan: 0 pospago, 1 cuenta controlada, 2 prepago.</small></p>
</section>
`)
	own = page.New(`<section>
<h2>SMS recibidos</h2>
{{if .Inbox}}<ul>
{{range .Inbox}}<li><strong>{{.From}}</strong> <time>{{.At}}</time><br><span class="sms">{{.Text}}</span></li>
{{end}}</ul>
{{else}}<p>Ninguno todavía.{{if not .Write}} La página se renueva sola.{{end}}</p>
{{end}}</section>
<section>
<h2>Páginas de los socios</h2>
{{if .Ways}}<ul>
{{range .Ways}}<li>{{.Title}}<br><a href="{{.WiFi}}" target="_blank" rel="noopener">Abrir por WiFi</a> · <a href="{{.Mobile}}" target="_blank" rel="noopener">Abrir por la red móvil</a></li>
{{end}}</ul>
<p><small>Por WiFi se escribe el número y el PIN llega aquí. Por la red móvil el operador dice el número y se confirma dos veces.</small></p>
{{else}}<p>La plataforma aún no dijo dónde está.</p>
{{end}}</section>
<section>
<h2>Enviar un SMS</h2>
{{if .Write}}<form method="post" action="/mobile/sms">
<input type="hidden" name="msisdn" value="{{.MSISDN}}">
<label>Para<input type="tel" name="to" value="{{.Code}}" autocomplete="off" maxlength="16" required></label>
<label>Texto<input type="text" name="text" value="SALIR" autocomplete="off" maxlength="160" required></label>
<button>Enviar</button>
</form>
<p><a href="/mobile?msisdn={{.MSISDN}}">Volver sin enviar</a></p>
{{else}}{{range .Replies}}<form class="quick" method="post" action="/mobile/sms">
<input type="hidden" name="msisdn" value="{{$.MSISDN}}">
<input type="hidden" name="to" value="{{.To}}">
<button name="text" value="{{.Text}}">{{.Text}} al {{.To}}</button>
</form>
{{end}}<p><a href="/mobile?msisdn={{.MSISDN}}&amp;write=true">Escribir otro</a></p>
{{end}}</section>
<p><a href="/mobile">Otro número</a></p>
`)
)
