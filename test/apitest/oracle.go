package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"puente/shared/contract"
	"puente/shared/hop"
)

// oracle judges answers by their contract's document, with kin-openapi and nothing of ours.
type oracle struct {
	doc *contract.Document
	mux *http.ServeMux // finds an operation by method and path
}

func newOracle(c *hop.Contract) (*oracle, error) {
	doc, err := c.Document()
	if err != nil {
		return nil, err
	}
	o := &oracle{doc, http.NewServeMux()}
	for _, op := range doc.Operations {
		o.mux.Handle(op.Method+" "+op.Path, operation{op})
	}
	return o, nil
}

// operation is what the mux of an oracle finds.
type operation struct{ *contract.Operation }

// ServeHTTP is never called.
func (operation) ServeHTTP(http.ResponseWriter, *http.Request) {}

// operation finds the operation that r asks for; nil if the contract has none.
func (o *oracle) operation(r *http.Request) *contract.Operation {
	found, _ := o.mux.Handler(r)
	op, ok := found.(operation)
	if !ok {
		return nil
	}
	return op.Operation
}

// answer tells why an answer of op breaks the contract. The body is plain, whatever sealed it.
func (o *oracle) answer(op *contract.Operation, got *received) error {
	declared := o.doc.OpenAPI.Paths.Value(op.Path).GetOperation(op.Method).Responses
	status, _, _ := strings.Cut(got.start, " ")
	response := declared.Value(status)
	if response == nil {
		response = declared.Default()
	}
	if response == nil {
		return fmt.Errorf("contract: %s does not declare status %s", op.ID, status)
	}
	if len(response.Value.Content) == 0 {
		if len(got.body) > 0 {
			return fmt.Errorf("contract: %s: %s has no body", op.ID, status)
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("contract: %s %s: Content-Type: %w", op.ID, status, err)
	}
	content, ok := response.Value.Content[media]
	if !ok {
		return fmt.Errorf("contract: %s does not declare %s for status %s", op.ID, media, status)
	}
	if !contract.CarriesJSON(media) { // a page: what it says is the file's to compare
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(got.body))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return fmt.Errorf("contract: %s %s: %w", op.ID, status, err)
	}
	if err := content.Schema.Value.VisitJSON(value, openapi3.MultiErrors(), openapi3.VisitAsResponse(), openapi3.EnableFormatValidation()); err != nil {
		return fmt.Errorf("contract: %s %s: %w", op.ID, status, err)
	}
	return nil
}
