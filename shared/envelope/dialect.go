package envelope

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/problem"
)

// Result codes that every enveloped API has (platform: "Typologies").
const (
	CodeOK       = "OK_01"
	CodeInternal = "ERROR_01" // a defect
	CodeOrigin   = "ERROR_02" // system or channel not registered or not allowed
	CodeSwitched = "ERROR_03" // switched off by an operator
	CodeInvalid  = "ERROR_04" // null, unreadable, or a field that breaks the contract
	CodeRepeated = "ERROR_05" // correlation in progress, or reused with another body
	CodeBackend  = "ERROR_10" // a system behind the API timed out, failed or is not asked
	CodeLimit    = "ERROR_30" // limit of the system or of the subject
)

// Dialect renders errors in an API's envelope once the body was read; until then nobody knows whom to
// name in it, and Before answers.
type Dialect struct {
	Before problem.Dialect
	Shape  func(Fault) any // the API's own form, for json.Marshal
}

// Fault is what an error's envelope says. Where the request could not be read, nothing of the caller is
// known and System, Correlation and Instance are nil.
type Fault struct {
	System, Correlation *string
	ProcessingServer    *string          // as the caller sent it
	Instance            *string          // the opaque label of this replica
	Property            []jsontext.Value // as the caller sent it; never nil
	Code                string
	Text                problem.Text
	Date                string
}

// Render makes the API's envelope, or what comes before it.
func (d Dialect) Render(e *problem.Error, at problem.Occurrence) problem.Answer {
	if !at.Read || at.Text == nil {
		return d.Before.Render(e, at)
	}
	f := Fault{ProcessingServer: at.ProcessingServer, Property: Property(at.Property), Code: e.Code, Date: Date(at.Now)}
	if at.System != "" || at.Correlation != "" {
		f.System, f.Correlation, f.Instance = &at.System, &at.Correlation, &at.Instance
	}
	text, ok := at.Text(e.Code)
	if !ok {
		f.Code = codeOf(e, at.Policy)
		text, _ = at.Text(f.Code)
	}
	f.Text = text
	if text.Status == 0 { // a code that no typology has: the API declares all of them
		f.Text.Status = e.Kind.Status()
	}
	body, err := json.Marshal(d.Shape(f))
	if err != nil { // texts only: cannot happen
		panic(err)
	}
	return problem.Answer{Status: f.Text.Status, Header: problem.Header(e, "application/json"), Body: body}
}

// codeOf is the code of an error that names none of the API's.
func codeOf(e *problem.Error, policy string) string {
	switch {
	case e.Kind == problem.Invalid:
		return CodeInvalid
	case policy == problem.ByOrigin:
		return CodeOrigin
	case policy == problem.BySwitch:
		return CodeSwitched
	case policy == problem.ByIdempotency && (e.Kind == problem.Conflict || e.Kind == problem.Rejected):
		return CodeRepeated
	case e.Kind == problem.Quota:
		return CodeLimit
	case e.Kind == problem.Timeout || e.Kind == problem.Unavailable || e.Kind == problem.BadUpstream || e.Kind == problem.Unknown:
		return CodeBackend
	}
	return CodeInternal
}

// Property is the member of that name of an answer: never null.
func Property(sent []jsontext.Value) []jsontext.Value {
	if sent == nil {
		return []jsontext.Value{}
	}
	return sent
}
