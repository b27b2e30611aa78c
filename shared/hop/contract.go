// Package hop is the call from one layer to the next.
//
// A Contract is what an API promises, an Operation one call of it with its Go types. Where both
// layers run in one process, Call is a typed call of the provider's function: no JSON, no router.
// Where they do not, it is HTTP to the configured address, signed by a service token. Either way
// the hop passes on the deadline, correlation ID, trace and principal and nothing else of the
// context, and returns errors that went through problem. Callers cannot tell which it was.
package hop

import (
	"fmt"
	"sync"

	"puente/shared/contract"
)

// Contract is what an API promises: all that one layer knows of another.
type Contract struct {
	Layer string // xapi, papi or sapi
	Name  string // the API's, unique in its layer
	Spec  []byte // its OpenAPI 3.0.3 document

	once sync.Once
	doc  *contract.Document
	err  error
}

// Document is the contract's parsed document. It is parsed once.
func (c *Contract) Document() (*contract.Document, error) {
	c.once.Do(func() {
		if c.doc, c.err = contract.Load(c.Spec); c.err != nil {
			c.err = fmt.Errorf("contract %s: %w", c, c.err)
		}
	})
	return c.doc, c.err
}

func (c *Contract) String() string { return c.Layer + "." + c.Name }

// Operation is one operation of a contract, with the Go types of its input and answer. Members of
// In are bound by tag: uri (path), form (query), header, and json (body).
type Operation[In, Out any] struct {
	Contract *Contract
	ID       string // the document's operationId
}

// Raw is in the place of the answer's type where an operation writes its answers itself: only one of a
// public API does, so no layer calls it.
type Raw struct{}

func (o Operation[In, Out]) String() string { return o.Contract.String() + "." + o.ID }

// Lookup is the operation in its contract's document.
func (o Operation[In, Out]) Lookup() (*contract.Operation, error) {
	doc, err := o.Contract.Document()
	if err != nil {
		return nil, err
	}
	op := doc.Operation(o.ID)
	if op == nil {
		return nil, fmt.Errorf("contract %s: no operation %s", o.Contract, o.ID)
	}
	return op, nil
}
