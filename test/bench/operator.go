package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// holderDocument is whose all lines are.
const holderDocument = "1026578508"

// Where the stub plays the operator's inventory and order management.
const (
	inventoryPath = "/inventory"
	ordersPath    = "/orders"
)

// playOperator declares the backend calls of a reconnection: any mobile line is LTE and suspended for
// loss, any fixed one FTTH and active, and each order is a new one.
func playOperator(handle func(pattern string, handler http.Handler)) {
	const connections = inventoryPath + "/mss/v1/connections/{connection}"
	note := strings.Repeat("n", answerBytes/2)
	service := `{"CONEXION":"` + place + `","CUENTA":"CS-905967","TECNOLOGIA":"LTE","ESTADO":"SUSPENDIDO","SUSPENSION":{"ID":"SUS-1","MOTIVO":"PERDIDA","FECHA":"2025-07-30T05:00:00-05:00"},"NOTA":"` + note + `"}`
	named := func(r *http.Request) string { return r.PathValue("connection") }
	mobile := echo(http.StatusOK, service, named)
	fixed := echo(http.StatusOK, `{"CONEXION":"`+place+`","CUENTA":"CS-905967","TECNOLOGIA":"FTTH","ESTADO":"ACTIVO","SUSPENSION":null}`, named)
	handle("GET "+connections, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.PathValue("connection"), "60") {
			fixed.ServeHTTP(w, r)
			return
		}
		mobile.ServeHTTP(w, r)
	}))
	handle("GET "+connections+"/titular", echo(http.StatusOK, `{"TIPO_DOCUMENTO":"CC","NUMERO_DOCUMENTO":"`+holderDocument+`","NOTA":"`+note+`"}`, nil))
	var filed atomic.Int64
	order := `{"numeroOrden":"ORD` + place + `","estado":"ABIERTA","fecha":"2025-07-31T09:26:10Z","nota":"` + note + `"}`
	handle("POST "+ordersPath+"/om/v1/reconexiones", echo(http.StatusCreated, order, func(r *http.Request) string {
		number := filed.Add(1)
		return fmt.Sprintf(`%d","cun":"CUN%d","referencia":"%s`, number, number, referenceOf(r.Body))
	}))
}

// place is where an answer has what belongs to its request.
const place = "?"

// echo is a handler whose answer is text, with what the request says in its place.
func echo(status int, text string, says func(*http.Request) string) http.Handler {
	before, after, _ := strings.Cut(text, place)
	contentType := []string{"application/json"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said := ""
		if says != nil {
			said = says(r)
		}
		h := w.Header()
		h["Content-Type"] = contentType
		w.WriteHeader(status)
		_, _ = io.WriteString(w, before+said+after)
	})
}

// referenceOf is the reference in the body of an order.
func referenceOf(body io.Reader) []byte {
	text, _ := io.ReadAll(body) // half a body has no reference
	_, rest, _ := bytes.Cut(text, []byte(`"referencia":"`))
	reference, _, _ := bytes.Cut(rest, []byte(`"`))
	return reference
}

// chainOf is how long the backend calls of a reconnection take, one after another, by themselves: the
// median of some.
func chainOf(ctx context.Context, stub string) (time.Duration, error) {
	const runs = 51
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, runs)
	for i := range took {
		began := time.Now()
		for _, call := range []struct{ method, path, body string }{
			{http.MethodGet, inventoryPath + "/mss/v1/connections/3000000000", ""},
			{http.MethodGet, inventoryPath + "/mss/v1/connections/3000000000/titular", ""},
			{http.MethodPost, ordersPath + "/om/v1/reconexiones", `{"referencia":"RX-1","conexion":"3000000000","tipo":"VOLUNTARIA_LTE"}`},
		} {
			req, err := http.NewRequestWithContext(ctx, call.method, stub+call.path, strings.NewReader(call.body))
			if err != nil {
				return 0, err
			}
			resp, err := client.Do(req)
			if err != nil {
				return 0, err
			}
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if err != nil {
				return 0, err
			}
			if resp.StatusCode/100 != 2 {
				return 0, fmt.Errorf("stub: %s: %s", call.path, resp.Status)
			}
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return quantile(took, 0.5), nil
}
