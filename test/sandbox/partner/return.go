package partner

import (
	"net/http"
	"slices"
	"time"

	"puente/test/sandbox/page"
)

// Return is a browser that came back from the landing pages, and what it brought.
type Return struct {
	Partner   string    `json:"partner"`
	Token     string    `json:"token,omitempty"`
	TID       string    `json:"tid,omitempty"`
	ProductID string    `json:"productId,omitempty"`
	Status    string    `json:"status,omitempty"`
	Query     string    `json:"query"`             // all of it, as it came
	Referer   string    `json:"referer,omitempty"` // empty, or the hub told a third party where its user was
	Claim     *Claim    `json:"claim,omitempty"`   // what the token says; none where it cannot be read
	At        time.Time `json:"at"`
}

// welcome is the partner's page: what was brought, and what the token says.
func (s *Service) welcome(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	got := Return{
		Partner: r.PathValue("partner"), Token: query.Get("token"), TID: query.Get("tid"), ProductID: query.Get("productId"), Status: query.Get("status"),
		Query: r.URL.RawQuery, Referer: r.Header.Get("Referer"), At: s.now().UTC(),
	}
	s.mu.Lock()
	keys, held := s.keys[got.Partner]
	if got.Token != "" && held {
		if c, err := keys.read(got.Partner, got.Token); err == nil {
			got.Claim = &c
		}
	}
	if len(s.returns) == mostReturns {
		s.returns = slices.Delete(s.returns, 0, mostReturns/10)
	}
	s.returns = append(s.returns, got)
	s.mu.Unlock()
	returned.Write(w, page.Head{Status: http.StatusOK, Title: "Socio " + got.Partner}, struct {
		Return
		Message string
		Held    bool
		Scheme  Scheme
	}{got, messages[got.Status], held, keys.Scheme})
}

var returned = page.New(`<section>
<h2>{{if .Status}}La suscripción no se hizo{{else if .Token}}Bienvenido de vuelta{{else}}De vuelta, sin token{{end}}</h2>
<dl>
{{with .TID}}<dt>tid</dt><dd><code>{{.}}</code></dd>
{{end}}{{with .ProductID}}<dt>productId</dt><dd><code>{{.}}</code></dd>
{{end}}{{if .Status}}<dt>status</dt><dd><code>{{.Status}}</code>{{with .Message}} {{.}}{{end}}</dd>
{{end}}{{with .Token}}<dt>token</dt><dd><code>{{.}}</code></dd>
{{end}}</dl>
{{if not .Query}}<p>El navegador no trajo nada.</p>{{end}}
</section>
{{if .Token}}<section>
<h2>Lo que dice el token</h2>
{{with .Claim}}<dl>
<dt>msisdn</dt><dd><code>{{.MSISDN}}</code></dd>
<dt>productId</dt><dd><code>{{.ProductID}}</code></dd>
<dt>tid</dt><dd><code>{{.TID}}</code></dd>
{{with .Time}}<dt>hora</dt><dd><code>{{.Format "2006-01-02 15:04:05.000 UTC"}}</code></dd>
{{end}}</dl>
<p><small>Descifrado con la clave del socio, {{$.Scheme}}.</small></p>
{{else}}<p class="wrong">{{if .Held}}No se puede leer con las claves del socio ({{.Scheme}}).{{else}}Este socio no tiene claves aquí.{{end}}</p>
{{end}}</section>
{{end}}{{with .Referer}}<section><p class="wrong">El navegador dijo de dónde venía: <code>{{.}}</code></p></section>
{{end}}<p><small>Esta es la página del socio, simulada. <a href="/_sandbox/ledger/partner">Lo que recibieron los socios</a></small></p>
`)

// Returns are all browsers that came back, in order.
func (s *Service) Returns() []Return {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Return{}, s.returns...)
}
