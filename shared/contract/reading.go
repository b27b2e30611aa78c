package contract

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"puente/shared/problem"
)

// defaultMaxBody is the body limit of an operation that sets none, in bytes.
const defaultMaxBody = 1 << 20

// reading builds a Document from a validated OpenAPI document and gathers what it lacks.
type reading struct {
	doc      *openapi3.T
	compiler *compiler
	errs     []error
}

// add notes what is wrong at a place.
func (r *reading) add(pointer, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s", pointer, fmt.Sprintf(format, args...)))
}

// noted notes err, if there is one, at a place; it lets a value and its error pass through one call.
func noted[T any](r *reading, pointer string) func(T, error) T {
	return func(v T, err error) T {
		if err != nil {
			r.add(pointer, "%v", err)
		}
		return v
	}
}

func (r *reading) document() *Document {
	d := &Document{Title: r.doc.Info.Title, Version: r.doc.Info.Version, OpenAPI: r.doc}
	r.known("#", r.doc.Extensions, documentExtensions)
	info := extensions(r.doc.Info.Extensions)
	r.known("#/info", info, infoExtensions)
	d.Category = noted[string](r, "#/info")(info.text("x-category"))

	if r.doc.Components != nil { // what no operation refers to is held to the same rules
		for _, name := range slices.Sorted(maps.Keys(r.doc.Components.Schemas)) {
			at := "#/components/schemas/" + token(name)
			r.alternatives(at, r.doc.Components.Schemas[name])
		}
	}
	for _, path := range slices.Sorted(maps.Keys(r.doc.Paths.Map())) {
		item := r.doc.Paths.Value(path)
		place := "#/paths/" + token(path)
		r.known(place, item.Extensions, nil)
		operations := item.Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			d.Operations = append(d.Operations, r.operation(place, path, method, item, operations[method]))
		}
	}
	return d
}

// known notes the extensions of a place that are not in allowed.
func (r *reading) known(pointer string, e extensions, allowed []string) {
	for _, name := range e.unknown(allowed) {
		r.add(pointer, "extension %s is not known here", name)
	}
}

func (r *reading) operation(place, path, method string, item *openapi3.PathItem, o *openapi3.Operation) *Operation {
	place += "/" + strings.ToLower(method)
	op := &Operation{ID: o.OperationID, Method: method, Path: path, Answers: map[int]*Check{}}
	if op.ID == "" {
		r.add(place, "operationId is missing")
	}
	r.known(place, o.Extensions, operationExtensions)
	r.promises(place, op, o.Extensions)
	r.security(place, op, o)
	r.body(place, op, o)
	op.Params = r.params(place, item.Parameters, o.Parameters)
	r.answers(place, op, o)
	r.subjects(place, op)
	op.FoldQuery = noted[bool](r, place)(extensions(o.Extensions).flag("x-fold-names"))
	op.Plain = noted[bool](r, place)(extensions(o.Extensions).flag("x-plain"))
	if op.FoldQuery && !op.Params.foldable() {
		r.add(place, "x-fold-names: two query parameters differ in case only")
	}
	if op.Plain && (!op.Public || method != http.MethodGet) {
		r.add(place, "x-plain is for open operations that are read")
	}
	if op.Deprecation = noted[*Deprecation](r, place)(extensions(o.Extensions).deprecation()); o.Deprecated != (op.Deprecation != nil) {
		r.add(place, "deprecated: true and x-deprecation go together")
	}
	return op
}

// promises reads what the document's and the operation's extensions say; the operation's win.
func (r *reading) promises(place string, op *Operation, own extensions) {
	agreed := sla{}
	op.Idempotency, op.MaxBody = IdempotencyNone, defaultMaxBody
	for _, level := range []struct {
		place string
		e     extensions
	}{{"#", r.doc.Extensions}, {place, own}} {
		agreed = noted[sla](r, level.place)(level.e.sla(agreed))
		if s := noted[string](r, level.place)(level.e.word("x-idempotency", IdempotencyNone, IdempotencyKey, IdempotencyCorrelation)); s != "" {
			op.Idempotency = s
		}
		if s := noted[string](r, level.place)(level.e.word("x-audit", "required", "optional")); s != "" {
			op.AuditRequired = s == "required"
		}
		if s := noted[string](r, level.place)(level.e.word("x-origin", "required", "optional")); s != "" {
			op.OriginOptional = s == "optional"
		}
		if n := noted[int64](r, level.place)(level.e.size("x-max-body")); n != 0 {
			op.MaxBody = n
		}
		if l := noted[[]SubjectLimit](r, level.place)(level.e.subjects()); l != nil {
			op.Subjects = l
		}
		for _, e := range noted[[]problem.Entry](r, level.place)(level.e.errors()) {
			if !slices.Contains(op.Codes, e.Code) {
				op.Codes = append(op.Codes, e.Code)
			}
			if e.Meaning != "" && !slices.Contains(op.Errors, e) {
				op.Errors = append(op.Errors, e)
			}
		}
	}
	op.Deadline, op.Availability = agreed.deadline, agreed.availability
	if op.Deadline == 0 {
		r.add(place, "x-sla.deadline is missing, here and in the document")
	}
	if op.Availability == 0 {
		r.add(place, "x-sla.availability is missing, here and in the document")
	}
}

// subjects leaves the operation those limits whose member its body has: the document's are for all of its
// operations, and its own must name one.
func (r *reading) subjects(place string, op *Operation) {
	var members []string
	if op.Body != nil {
		members = op.Body.Members()
	}
	op.Subjects = slices.DeleteFunc(slices.Clone(op.Subjects), func(l SubjectLimit) bool { return l.Member != "" && !slices.Contains(members, l.Outermost()) })
	own, _ := extensions(r.doc.Paths.Value(op.Path).GetOperation(op.Method).Extensions).subjects()
	for _, l := range own {
		if l.Member != "" && !slices.Contains(members, l.Outermost()) {
			r.add(place, "x-subjects: the body has no member %s", l.Member)
		}
	}
}

// security reads who may call. Alternatives are refused: they would make it depend on the caller which
// scopes count.
func (r *reading) security(place string, op *Operation, o *openapi3.Operation) {
	requirements := r.doc.Security
	if o.Security != nil {
		requirements = *o.Security
	}
	switch {
	case requirements == nil:
		r.add(place, "security is missing, here and in the document; an open operation says security: []")
		return
	case len(requirements) == 0:
		op.Public = true
		return
	case len(requirements) > 1 || len(requirements[0]) != 1:
		r.add(place, "security must name exactly one scheme")
		return
	}
	for scheme, scopes := range requirements[0] {
		op.Scheme, op.Scopes = scheme, scopes
	}
}

// body reads the request body: one of JSON or a form at most, compiled; others are only named.
func (r *reading) body(place string, op *Operation, o *openapi3.Operation) {
	if o.RequestBody == nil {
		return
	}
	body := o.RequestBody.Value
	place += "/requestBody"
	r.known(place, body.Extensions, nil)
	op.BodyRequired = body.Required
	for _, name := range slices.Sorted(maps.Keys(body.Content)) {
		media := body.Content[name]
		r.known(place+"/content/"+token(name), media.Extensions, nil)
		if !CarriesJSON(name) && name != FormMedia {
			op.MediaTypes = append(op.MediaTypes, name)
			continue
		}
		if op.Body != nil {
			r.add(place, "has more than one media type that is read: JSON, or a form")
			continue
		}
		op.MediaTypes = slices.Insert(op.MediaTypes, 0, name)
		at := place + "/content/" + token(name) + "/schema"
		if media.Schema == nil {
			r.add(at, "is missing")
			continue
		}
		if name == FormMedia {
			op.Body = r.compiler.check(media.Schema, at, false)
			r.form(at, op, op.Body)
			continue
		}
		inside, at, fold := r.inside(at, media.Schema, op)
		op.Body = r.compiler.check(inside, at, fold)
	}
	if len(op.MediaTypes) > 0 {
		op.MediaType = op.MediaTypes[0]
	}
}

// answers reads the responses: exactly one of them is a 2xx, or of an operation that only redirects, none.
func (r *reading) answers(place string, op *Operation, o *openapi3.Operation) {
	place += "/responses"
	redirect := 0
	for _, key := range slices.Sorted(maps.Keys(o.Responses.Map())) {
		at := place + "/" + key
		status, err := strconv.Atoi(key)
		if key != "default" && (err != nil || http.StatusText(status) == "") {
			r.add(at, "is not a status")
			continue
		}
		if status/100 == 2 {
			if op.Status != 0 {
				r.add(at, "is a second 2xx beside %d", op.Status)
			}
			op.Status = status
		}
		if status/100 == 3 && redirect == 0 {
			redirect = status
		}
		answer := o.Responses.Value(key).Value
		r.known(at, answer.Extensions, nil)
		for _, name := range slices.Sorted(maps.Keys(answer.Content)) {
			media := answer.Content[name]
			r.known(at+"/content/"+token(name), media.Extensions, nil)
			if !CarriesJSON(name) || media.Schema == nil {
				continue
			}
			if op.Answers[status] != nil {
				r.add(at, "has more than one JSON media type")
				continue
			}
			if success := r.success(at+"/content/"+token(name)+"/schema", media.Schema); success != nil {
				op.Answers[status] = r.compiler.check(success, at+"/content/"+token(name)+"/schema", false)
			}
		}
	}
	if op.Status == 0 {
		op.Status = redirect
	}
	if op.Status == 0 {
		r.add(place, "has no 2xx")
	}
}

// CarriesJSON reports whether a media type is application/json, one with the suffix +json (RFC 6839), or
// application/jose (RFC 7515 §9.2.1), whose schema is that of the payload.
func CarriesJSON(mediaType string) bool {
	t, _, err := mime.ParseMediaType(mediaType)
	return err == nil && (t == "application/json" || t == "application/jose" || strings.HasSuffix(t, "+json"))
}

// token is a name as a part of a JSON pointer (RFC 6901 §3).
func token(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
