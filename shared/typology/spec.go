package typology

import (
	"regexp"
	"strings"

	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/problem"
)

// Spec is a row as operators write it. Its id is api:system:code, and names what the spec leaves out.
type Spec struct {
	API              string  `json:"api"`
	System           string  `json:"system"` // "*": any
	Code             string  `json:"code"`
	HTTPStatus       int     `json:"httpStatus"` // left out: 200
	ErrorDetailCode  *string `json:"errorDetailCode"`
	ErrorMessage     *string `json:"errorMessage"`
	ErrorMessageUser *string `json:"errorMessageUser"`
	Enabled          *bool   `json:"enabled"` // left out: true; a row that is not is as if absent
}

const maxText = 1000 // bytes

var (
	apiName     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,49}$`)
	systemName  = regexp.MustCompile(`^(\*|[A-Za-z0-9][A-Za-z0-9 ._-]{0,49})$`)
	codeName    = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,39}$`)
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
)

// Identify reads the id into what the spec leaves out, and refuses one that says otherwise.
func (s *Spec) Identify(id string) error {
	parts := strings.Split(id, ":")
	if len(parts) != 3 {
		return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "id", Rule: "must be api:system:code, such as reconexion:*:ERROR_06"}}}
	}
	var fields []problem.Field
	for i, m := range []struct {
		path string
		to   *string
	}{{"api", &s.API}, {"system", &s.System}, {"code", &s.Code}} {
		if *m.to == "" {
			*m.to = parts[i]
		}
		if *m.to != parts[i] {
			fields = append(fields, problem.Field{Path: m.path, Rule: "must be as the id says"})
		}
	}
	if fields != nil {
		return &problem.Error{Kind: problem.Invalid, Fields: fields}
	}
	return nil
}

// Normalize fills in what was left out.
func (s *Spec) Normalize() {
	if s.HTTPStatus == 0 {
		s.HTTPStatus = 200
	}
	if s.Enabled == nil {
		s.Enabled = new(bool)
		*s.Enabled = true
	}
}

// Validate checks names, status and placeholders.
func (s *Spec) Validate() error {
	var fields []problem.Field
	must := func(holds bool, path, rule string) {
		if !holds {
			fields = append(fields, problem.Field{Path: path, Rule: rule})
		}
	}
	must(apiName.MatchString(s.API), "api", "must match "+apiName.String())
	must(systemName.MatchString(s.System), "system", "must be * or match "+systemName.String())
	must(codeName.MatchString(s.Code), "code", "must match "+codeName.String())
	must(s.HTTPStatus >= 200 && s.HTTPStatus <= 599 && s.HTTPStatus != 204 && s.HTTPStatus != 205 && s.HTTPStatus != 304,
		"httpStatus", "must be from 200 to 599, and one whose answers have a body")
	for _, t := range []struct {
		path string
		text *string
	}{{"errorDetailCode", s.ErrorDetailCode}, {"errorMessage", s.ErrorMessage}, {"errorMessageUser", s.ErrorMessageUser}} {
		if t.text == nil {
			continue
		}
		must(len(*t.text) <= maxText, t.path, "must have 1000 bytes at most")
		for _, name := range placeholder.FindAllString(*t.text, -1) {
			must(name == "{correlationID}" || name == "{phone}" || name == "{document}" || name == "{pqr}", t.path,
				"has a placeholder that is none of {correlationID}, {phone}, {document}, {pqr}")
		}
	}
	if fields != nil {
		return &problem.Error{Kind: problem.Invalid, Fields: fields}
	}
	return nil
}

// References names the API and the system.
func (s *Spec) References() []admin.Reference {
	all := []admin.Reference{{Kind: access.API, ID: s.API, Path: "api"}}
	if s.System != anything {
		all = append(all, admin.Reference{Kind: "System", ID: s.System, Path: "system"})
	}
	return all
}
