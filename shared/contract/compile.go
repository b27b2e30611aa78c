package contract

import "github.com/getkin/kin-openapi/openapi3"

// compiler turns schemas into nodes and gathers what it does not support.
type compiler struct {
	errs []error
}

func newCompiler() *compiler { return &compiler{} }

// node is a compiled schema.
type node struct{}

func (c *compiler) check(ref *openapi3.SchemaRef, pointer string) *Check {
	return &Check{root: c.compile(ref, pointer, false)}
}

func (c *compiler) compile(ref *openapi3.SchemaRef, pointer string, fold bool) *node { return &node{} }
