// Package slo turns x-sla, what the contracts of the experience APIs promise, into Prometheus rules:
//
//	good       outcome ok or client, within the deadline: what the caller did wrong is answered well
//	not asked  outcome quota: the caller was told to come later, as agreed
//	bad        all else: shed and server, and whatever came after the deadline
//
// The deadline is a limit, not a quantile: one late answer is one bad answer. Burn rates and windows are
// those of the SRE Workbook, chapter "Alerting on SLOs", "Multiwindow, Multi-Burn-Rate Alerts".
package slo

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"puente/shared/contract"
	"puente/shared/server"
)

// Objective is what is promised of one operation.
type Objective struct {
	API, Operation string
	Deadline       time.Duration
	Availability   float64  // percent of those asked that are good
	Follows        []string // what it fails with: the system APIs behind it, and the database
}

// Budget is the share of requests that may be bad.
func (o Objective) Budget() float64 { return (100 - o.Availability) / 100 }

// Objectives are those of every public operation of the experience layer. A contract without x-sla is an error,
// and so is an API of which nobody wrote down what it stands on.
func Objectives(experience server.Layer) ([]Objective, error) {
	var all []Objective
	var errs []error
	for i := range experience.APIs {
		api := &experience.APIs[i]
		if api.Listener != server.ByLayer && api.Listener != server.Public {
			continue // operators' own pages promise nothing to callers
		}
		doc, err := api.Contract.Document()
		if err != nil {
			errs = append(errs, fmt.Errorf("slo: %w", err))
			continue
		}
		systems, known := behind[api.Contract.Name]
		if !known {
			errs = append(errs, fmt.Errorf("slo: %s: the systems behind it are not listed", api.Contract))
		}
		for _, op := range doc.Operations {
			all = append(all, Objective{api.Contract.Name, op.ID, op.Deadline, op.Availability, follows(systems, api, op)})
		}
	}
	slices.SortFunc(all, func(a, b Objective) int {
		return cmp.Or(cmp.Compare(a.API, b.API), cmp.Compare(a.Operation, b.Operation))
	})
	return all, errors.Join(errs...)
}

// database is the name of PostgreSQL among what an alert follows from.
const database = "postgresql"

// follows adds to the systems of an API what every operation stands on, and who verifies its tokens.
func follows(systems []string, api *server.API, op *contract.Operation) []string {
	all := append([]string{database}, systems...)
	if !op.Public && api.Verifier == nil { // the layer's tokens are the provider's
		all = append(all, "oauth2")
	}
	slices.Sort(all)
	return slices.Compact(all)
}
