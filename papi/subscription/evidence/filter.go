package evidence

import (
	"slices"
	"strconv"
	"strings"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/catalogue"
)

// filter keeps the rows that a reader names: by a partner, by STAGING or PROD, by a status, or by several of these
// with commas between. Error: Invalid, of.
func filter(of string, rows []acceptance.Row) ([]acceptance.Row, error) {
	statuses := []acceptance.Status{acceptance.Planned, acceptance.InProgress, acceptance.Delivered}
	for word := range strings.SplitSeq(of, ",") {
		var other func(acceptance.Row) bool
		partner, err := strconv.ParseInt(word, 10, 64)
		switch {
		case err == nil && partner > 0:
			other = func(r acceptance.Row) bool { return r.PartnerID != partner }
		case slices.Contains(environments, catalogue.Environment(word)):
			other = func(r acceptance.Row) bool { return r.Environment != word }
		case slices.Contains(statuses, acceptance.Status(word)):
			other = func(r acceptance.Row) bool { return r.Status != acceptance.Status(word) }
		default:
			return nil, invalid("of", "must name a partner, STAGING or PROD, PLANNED, IN_PROGRESS or DELIVERED, or several of them with commas between")
		}
		rows = slices.DeleteFunc(rows, other)
	}
	return rows, nil
}
