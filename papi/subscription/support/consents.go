package support

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/sql"
	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/problem"
)

const (
	exported = 10_000 // consents in one file: all of it is in memory, and in the answer, before any of it is taken
	paged    = 1000   // that are read at once
)

// consentExport writes consents with their records: all of them, those of a number, of a day or of an hour of it
// (UTC). What
// does not fit into one file is refused, for half of it must not be taken for the whole.
func (d *Desk) consentExport(mediaType, extension string, write func(io.Writer, []Proof) error) admin.Export {
	writing := func(ctx context.Context, of string, w io.Writer) error {
		all, err := d.proofs(ctx, of)
		if err != nil {
			return err
		}
		return write(w, all)
	}
	return admin.Export{
		MediaType: mediaType, Extension: extension, WriteOf: writing,
		Write: func(ctx context.Context, w io.Writer) error { return writing(ctx, "", w) },
	}
}

func (d *Desk) proofs(ctx context.Context, of string) ([]Proof, error) {
	rows, err := d.wanted(ctx, of)
	if err != nil {
		return nil, err
	}
	if len(rows) > exported {
		return nil, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "of", Rule: fmt.Sprintf("must name a number, a day such as 2026-11-25 or an hour such as 2026-11-25T14 (UTC), with %d consents at most", exported)}}}
	}
	shown, err := listed(rows, func(r agreed) int64 { return r.LineID }, d.masked(ctx), shownConsent)
	if err != nil {
		return nil, err
	}
	all := make([]Proof, len(rows))
	for i, row := range rows {
		all[i].Consent = shown[i].(Consent)
		if all[i].Record, err = d.consents.OpenConsent(row.SubscriptionConsent); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// wanted are the rows of an export, one more than fit at most.
func (d *Desk) wanted(ctx context.Context, of string) ([]agreed, error) {
	since, until := time.Unix(0, 0).UTC(), d.now().AddDate(0, 0, 1)
	if of != "" {
		named := false
		if since, until, named = span(of); !named {
			return d.consentsOf(ctx, of, exported+1)
		}
	}
	var all []agreed
	for last := uuid.Nil; len(all) <= exported; {
		rows, err := sql.New(d.db).ConsentsBetween(ctx, sql.ConsentsBetweenParams{GivenAt: since, ID: last, Until: until, Most: paged})
		if err != nil {
			return nil, database.Problem(err)
		}
		for _, r := range rows {
			all = append(all, agreed{r.SubscriptionConsent, r.SubscriptionID})
			since, last = r.SubscriptionConsent.GivenAt, r.SubscriptionConsent.ID
		}
		if len(rows) < paged {
			break
		}
	}
	return all, nil
}

// span is the day or the hour of a name, UTC.
func span(of string) (since, until time.Time, named bool) {
	if day, err := time.Parse(time.DateOnly, of); err == nil {
		return day, day.AddDate(0, 0, 1), true
	}
	hour, err := time.Parse(time.DateOnly+"T15", of)
	return hour, hour.Add(time.Hour), err == nil
}

func writeJSON(w io.Writer, all []Proof) error {
	return json.NewEncoder(w).Encode(map[string]any{"consents": all})
}

// writeCSV writes consents for a spreadsheet (RFC 4180), one a line. What browsers sent is not calculated.
func writeCSV(w io.Writer, all []Proof) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	lines := [][]string{{
		"id", "givenAt", "line", "subscriptionId", "partnerId", "serviceId", "productId", "pricepointId", "amount", "currency", "proof", "pin", "operator", "peer",
		"forwarded", "campaign", "channel", "tid", "texts", "screens", "startedAt", "startedAddress", "startedUserAgent", "confirmedAddress", "confirmedUserAgent", "flow",
		"periodUnit", "periodCount", "single", "shown",
	}}
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	for _, p := range all {
		r, from := p.Record, make([]string, 3)
		if r.Source != nil {
			from = []string{r.Source.Operator, r.Source.Peer, r.Source.Forwarded}
		}
		period := make([]string, 2)
		if r.Period != nil {
			period = []string{r.Period.Unit, strconv.Itoa(r.Period.Count)}
		}
		line := []string{
			p.ID.String(), p.GivenAt.UTC().Format(time.RFC3339Nano), p.Line, number(p.SubscriptionID), number(p.PartnerID), number(p.ServiceID),
			number(p.ProductID), number(p.PricepointID), strconv.FormatInt(p.Amount, 10), p.Currency, p.Proof, number(int64(r.PIN)), from[0], from[1], from[2],
			r.Campaign, r.Channel, r.TID, r.Texts, strings.Join(r.Screens, "; "), r.StartedAt.UTC().Format(time.RFC3339Nano), r.Started.Address, r.Started.UserAgent,
			r.Confirmed.Address, r.Confirmed.UserAgent, r.Flow.String(), period[0], period[1], strconv.FormatBool(r.Single), r.Shown,
		}
		for i := range line {
			line[i] = acceptance.Plain(line[i])
		}
		lines = append(lines, line)
	}
	if err := out.WriteAll(lines); err != nil {
		return fmt.Errorf("write consents: %w", err)
	}
	return nil
}
