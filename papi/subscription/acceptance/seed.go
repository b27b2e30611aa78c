package acceptance

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// seed is the delivery table of the platform that this hub succeeds, as its document has it: a fixture to learn
// the matrix by, and to prove its arithmetic. The names of its rows were lost; project phases stand in their place.
//
//go:embed seed.tsv
var seed string

// statuses are the table's.
var statuses = map[string]Status{"ENTREGADO": Delivered}

// Seed reads the 13 rows of that table. It refuses a table whose percentages are not those of its cells.
func Seed() ([]Row, error) { return parseSeed(seed) }

func parseSeed(table string) ([]Row, error) {
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	var rows []Row
	var shares []int
	for i, line := range lines[1:] { // after the header
		r, share, err := parseRow(strings.Split(line, "\t"))
		if err != nil {
			return nil, fmt.Errorf("acceptance: row %d: %w", i+1, err)
		}
		rows, shares = append(rows, r), append(shares, share)
	}
	total := Total(rows)
	for i, r := range rows {
		if got := total.Share(r); got != shares[i] {
			return nil, fmt.Errorf("acceptance: row %d: share: is %d%% of the subscriptions, not %d%%", i+1, got, shares[i])
		}
	}
	return rows, nil
}

// columns are order, name, delivery, the checks, integration, percent, status, e2e, products, subscriptions, share.
const columns = 3 + Checks + 7

func parseRow(f []string) (r Row, share int, err error) {
	if len(f) != columns {
		return r, 0, fmt.Errorf("must have %d columns, has %d", columns, len(f))
	}
	r = Row{Name: f[1], Delivery: f[2]}
	for i := range r.Cells {
		if err := r.Cells[i].State.UnmarshalText([]byte(f[3+i])); err != nil {
			return r, 0, fmt.Errorf("%s: %w", Check(i), err)
		}
	}
	f = f[3+Checks:]
	r.Integration, r.E2E = f[0], f[3]
	var ok bool
	if r.Status, ok = statuses[f[2]]; !ok {
		return r, 0, fmt.Errorf("status: is %q, must be ENTREGADO", f[2])
	}
	var said int
	for _, n := range []struct {
		name, text string
		to         *int
	}{
		{"percent", strings.TrimSuffix(f[1], "%"), &said},
		{"products", f[4], &r.Products},
		{"subscriptions", strings.ReplaceAll(f[5], ".", ""), &r.Subscriptions}, // 47.114 is 47114
		{"share", strings.TrimSuffix(f[6], "%"), &share},
	} {
		if *n.to, err = strconv.Atoi(n.text); err != nil || *n.to < 0 {
			return r, 0, fmt.Errorf("%s: must be a number, is %q", n.name, n.text)
		}
	}
	if got := r.SeedPercent(); got != said {
		return r, 0, fmt.Errorf("percent: is %d of its cells, not %d", got, said)
	}
	return r, share, nil
}
