package evidence

import (
	"slices"
	"strconv"
	"strings"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
)

// filter keeps the rows that a reader names: by a partner, by STAGING or PROD, by a status, or by one of each with commas
// between. Error: Invalid, of.
func filter(of string, rows []acceptance.Row) ([]acceptance.Row, error) {
	statuses := []acceptance.Status{acceptance.Planned, acceptance.InProgress, acceptance.Delivered}
	given := map[string]bool{}
	for word := range strings.SplitSeq(of, ",") {
		var sort string
		var other func(acceptance.Row) bool
		partner, err := strconv.ParseInt(word, 10, 64)
		switch {
		case err == nil && partner > 0:
			sort, other = "partner", func(r acceptance.Row) bool { return r.PartnerID != partner }
		case slices.Contains(environments, catalogue.Environment(word)):
			sort, other = "environment", func(r acceptance.Row) bool { return r.Environment != word }
		case slices.Contains(statuses, acceptance.Status(word)):
			sort, other = "status", func(r acceptance.Row) bool { return r.Status != acceptance.Status(word) }
		}
		if other == nil || given[sort] {
			return nil, invalid("of", "must name a partner, STAGING or PROD, PLANNED, IN_PROGRESS or DELIVERED, or one of each with commas between")
		}
		given[sort] = true
		rows = slices.DeleteFunc(rows, other)
	}
	return rows, nil
}
