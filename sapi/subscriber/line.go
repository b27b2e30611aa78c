package subscriber

import (
	"bytes"
	"context"
	"fmt"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/subscriber"
	"puente/shared/httpclient"
)

// line is the directory's answer to what a line is. Of a line that another operator serves it may know no
// more than whose it is and what became of it.
type line struct {
	MSISDN        string `json:"MSISDN"`
	Operator      string `json:"OPERADOR"`
	UserType      string `json:"TIPO_USUARIO"`
	Segment       string `json:"SEGMENTO"`
	Access        string `json:"ACCESO"`
	State         string `json:"ESTADO"`
	ContentBarred *bool  `json:"BLOQUEO_CONTENIDOS"`
	OwnerEpoch    string `json:"TITULARIDAD"`
}

var (
	userTypes = map[string]subscriber.UserType{
		"POSPAGO": subscriber.UserTypePostpaid, "CUENTA_CONTROLADA": subscriber.UserTypeControlled, "PREPAGO": subscriber.UserTypePrepaid,
	}
	segments = map[string]subscriber.Segment{"PERSONA": subscriber.SegmentPerson, "EMPRESA": subscriber.SegmentCompany}
	accesses = map[string]subscriber.Access{"MOVIL": subscriber.AccessMobile, "FIJO": subscriber.AccessFixed}
	states   = map[string]subscriber.State{
		"ACTIVA": subscriber.StateActive, "BAJA": subscriber.StateTerminated, "PORTADA": subscriber.StatePortedOut,
	}
)

// Line tells what a line is.
func (s *system) Line(ctx context.Context, in subscriber.LineQuery) (subscriber.Line, error) {
	switch {
	case s.line == nil:
		return subscriber.Line{}, noDirectory()
	case !number.MatchString(in.MSISDN):
		return subscriber.Line{}, invalid("msisdn", "must match "+number.String())
	}
	var found line
	if err := s.line.Call(ctx, httpclient.Ask{Path: []string{in.MSISDN}}, &found); err != nil {
		return subscriber.Line{}, fmt.Errorf("subscriber: get line: %w", err)
	}
	return s.told(found, in.MSISDN)
}

// absent is the directory's own word that there is no such line: a 404 in a gateway's words does not say it.
func absent(text []byte) bool {
	var told struct {
		Code string `json:"codigo"`
	}
	return len(bytes.TrimSpace(text)) == 0 || json.Unmarshal(text, &told) == nil && told.Code == "NO_EXISTE"
}

// told is l in the contract's terms. On what it says somebody is charged: a word that has no rule, or none
// where there must be one, is refused rather than guessed.
func (s *system) told(l line, asked string) (subscriber.Line, error) {
	state, ok := states[l.State]
	switch {
	case l.MSISDN != asked:
		return subscriber.Line{}, malformed(target, "another line than was asked for")
	case !ok:
		return subscriber.Line{}, malformed(target, "no known state")
	case !operatorName.MatchString(l.Operator):
		return subscriber.Line{}, malformed(target, "no name of an operator")
	}
	out := subscriber.Line{MSISDN: asked, Operator: l.Operator, State: state, ContentBarred: l.ContentBarred != nil && *l.ContentBarred}
	out.Own = l.Operator == s.operator && state != subscriber.StatePortedOut // the operator may be that which it was ported from
	if !out.Own {
		return out, nil
	}
	var known [3]bool
	out.UserType, known[0] = userTypes[l.UserType]
	out.Segment, known[1] = segments[l.Segment]
	out.Access, known[2] = accesses[l.Access]
	switch {
	case known != [3]bool{true, true, true}:
		return subscriber.Line{}, malformed(target, "no known user type, segment or access")
	case l.ContentBarred == nil:
		return subscriber.Line{}, malformed(target, "no word on whether content is barred")
	case l.OwnerEpoch == "" || len(l.OwnerEpoch) > maxEpoch:
		return subscriber.Line{}, malformed(target, "no owner, or one of too long a name")
	}
	out.OwnerEpoch = l.OwnerEpoch
	return out, nil
}
