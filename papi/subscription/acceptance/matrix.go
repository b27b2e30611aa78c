package acceptance

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Status is how far a row's delivery is. The seed's table counts rows at 0 % as delivered, so it opens nothing:
// see Gate.
type Status string

// The statuses, in their order.
const (
	Planned    Status = "PLANNED"
	InProgress Status = "IN_PROGRESS"
	Delivered  Status = "DELIVERED"
)

// Row is one product of a partner in an environment; or several together, of which only the partner or only the
// table's own name is told.
type Row struct {
	ID            string       `json:"id,omitempty"` // as operators name it
	Name          string       `json:"name"`
	PartnerID     int64        `json:"partnerId,omitzero"`
	ProductID     int64        `json:"productId,omitzero"`
	Environment   string       `json:"environment,omitempty"`
	Delivery      string       `json:"delivery,omitempty"`    // dates as people write them: "02-may", or OK
	Integration   string       `json:"integration,omitempty"` // of which nothing is calculated
	Cells         [Checks]Cell `json:"-"`                     // by Check; in JSON an object, by name
	Status        Status       `json:"status"`
	E2E           string       `json:"e2e,omitempty"` // when the end-to-end tests are, or OK: they have passed
	Products      int          `json:"products"`
	Subscriptions int          `json:"subscriptions"`          // active ones
	SharePercent  *int         `json:"sharePercent,omitempty"` // of those of all rows, where they are added up
	Waiver        *Waiver      `json:"waiver,omitempty"`
	Warnings      []string     `json:"warnings,omitempty"` // what is weak in its configuration
}

// Waiver is somebody's word that a row may go to customers as it is.
type Waiver struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// SeedPercent is the table's own: the checks that are OK Prov among all eight. A row with one that does not apply
// never comes to 100.
func (r Row) SeedPercent() int {
	proved, _ := r.count()
	return percent(proved, Checks)
}

// ApplicablePercent is the same among those that apply; 100 where none does.
func (r Row) ApplicablePercent() int {
	proved, apply := r.count()
	if apply == 0 {
		return 100
	}
	return percent(proved, apply)
}

func (r Row) count() (proved, apply int) {
	for _, c := range r.Cells {
		if c.State != NotApplicable {
			apply++
		}
		if c.State == OKProv {
			proved++
		}
	}
	return proved, apply
}

// percent rounds halves up: 7 of 8 are 88.
func percent(part, whole int) int {
	if whole == 0 {
		return 0
	}
	return int(math.Floor(100*float64(part)/float64(whole) + 0.5))
}

// Missing is what stands between a row and customers, in words for people.
func (r Row) Missing() []string {
	var out []string
	for i, c := range r.Cells {
		if c.State != OKProv && c.State != NotApplicable {
			said := fmt.Sprintf("%s is %s", Check(i), c.State)
			if c.State == OK { // by ourselves
				said += ", not " + OKProv.String()
			}
			out = append(out, said)
		}
	}
	if _, apply := r.count(); apply == 0 {
		out = append(out, "no check applies")
	}
	if r.E2E != "OK" {
		out = append(out, "the end-to-end tests have not passed")
	}
	return out
}

// Gate says whether a row may go to PROD: nil where nothing is missing, or where somebody put name and reason to
// a waiver.
func (r Row) Gate() error {
	missing := r.Missing()
	if len(missing) == 0 {
		return nil
	}
	if w := r.Waiver; w != nil {
		if strings.TrimSpace(w.By) == "" || strings.TrimSpace(w.Reason) == "" || w.At.IsZero() {
			return errors.New("waiver: must have who, why and when")
		}
		return nil
	}
	return errors.New(strings.Join(missing, "; "))
}

// Totals are those of a matrix.
type Totals struct {
	Products      int `json:"products"`
	Subscriptions int `json:"subscriptions"`
}

// Total adds rows up.
func Total(rows []Row) Totals {
	var t Totals
	for _, r := range rows {
		t.Products += r.Products
		t.Subscriptions += r.Subscriptions
	}
	return t
}

// Share is a row's part of all subscriptions, in percent.
func (t Totals) Share(r Row) int { return percent(r.Subscriptions, t.Subscriptions) }

// RollUp makes one row of several of one partner: a check counts as the worst of those to which it applies, the
// status as the least, the end-to-end tests as passed where all have.
func RollUp(name string, rows []Row) Row {
	order := map[Status]int{Planned: 0, InProgress: 1, Delivered: 2}
	out := Row{Name: name, Status: Delivered, E2E: "OK"}
	for i := range out.Cells {
		out.Cells[i].State = NotApplicable
	}
	if len(rows) == 0 {
		out.Status, out.E2E = Planned, ""
	} else {
		out.PartnerID, out.Environment = rows[0].PartnerID, rows[0].Environment
	}
	for _, r := range rows {
		for i, c := range r.Cells {
			if mine := out.Cells[i]; c.State != NotApplicable && (mine.State == NotApplicable || c.State < mine.State) {
				out.Cells[i] = c
			}
		}
		if order[r.Status] < order[out.Status] {
			out.Status = r.Status
		}
		if r.E2E != "OK" {
			out.E2E = ""
		}
		if r.PartnerID != out.PartnerID {
			out.PartnerID = 0
		}
		if r.Environment != out.Environment {
			out.Environment = ""
		}
	}
	t := Total(rows)
	out.Products, out.Subscriptions = t.Products, t.Subscriptions
	return out
}
