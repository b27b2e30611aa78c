package acceptance

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// row is a row's JSON but for its cells.
type row Row

// MarshalJSON writes the cells by name, and both percentages.
func (r Row) MarshalJSON() ([]byte, error) {
	cells := make(map[Check]Cell, Checks)
	for i, c := range r.Cells {
		cells[Check(i)] = c
	}
	return json.Marshal(struct {
		row
		Checks            map[Check]Cell `json:"checks"`
		SeedPercent       int            `json:"seedPercent"`
		ApplicablePercent int            `json:"applicablePercent"`
	}{row(r), cells, r.SeedPercent(), r.ApplicablePercent()})
}

// UnmarshalJSON reads what MarshalJSON writes. The percentages follow from the cells and are not read; a check
// that is not there is NOK.
func (r *Row) UnmarshalJSON(text []byte) error {
	var in struct {
		row
		Checks map[Check]Cell `json:"checks"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	*r = Row(in.row)
	for check, c := range in.Checks {
		r.Cells[check] = c
	}
	return nil
}

// WriteJSON writes rows with their totals; all are those of the matrix, of which the rows have their shares.
func WriteJSON(w io.Writer, rows []Row, all Totals) error {
	type shared struct {
		Row   Row `json:"row"`
		Share int `json:"sharePercent"`
	}
	out := struct {
		Rows   []shared `json:"rows"`
		Totals Totals   `json:"totals"`
	}{make([]shared, 0, len(rows)), Total(rows)}
	for _, r := range rows {
		out.Rows = append(out.Rows, shared{r, all.Share(r)})
	}
	return json.NewEncoder(w).Encode(out)
}

// WriteCSV writes rows for a spreadsheet (RFC 4180), their totals in the last line; all are those of the matrix, of
// which they have their shares.
func WriteCSV(w io.Writer, rows []Row, all Totals) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	header := []string{"name", "partnerId", "productId", "environment", "delivery", "integration"}
	header = append(append(header, checkNames[:]...), "seedPercent", "applicablePercent", "status", "e2e", "products", "subscriptions", "sharePercent", "waivedBy", "warnings")
	if err := out.Write(header); err != nil {
		return fmt.Errorf("acceptance: write CSV: %w", err)
	}
	total := Total(rows)
	for _, r := range rows {
		line := []string{Plain(r.Name), id(r.PartnerID), id(r.ProductID), Plain(r.Environment), Plain(r.Delivery), Plain(r.Integration)}
		for _, c := range r.Cells {
			line = append(line, c.State.String())
		}
		waivedBy := ""
		if r.Waiver != nil {
			waivedBy = Plain(r.Waiver.By)
		}
		line = append(line, strconv.Itoa(r.SeedPercent()), strconv.Itoa(r.ApplicablePercent()), Plain(string(r.Status)), Plain(r.E2E),
			strconv.Itoa(r.Products), strconv.Itoa(r.Subscriptions), strconv.Itoa(all.Share(r)), waivedBy, Plain(strings.Join(r.Warnings, "; ")))
		if err := out.Write(line); err != nil {
			return fmt.Errorf("acceptance: write CSV: %w", err)
		}
	}
	last := make([]string, len(header))
	last[0] = "TOTAL"
	last[len(last)-5], last[len(last)-4], last[len(last)-3] = strconv.Itoa(total.Products), strconv.Itoa(total.Subscriptions), strconv.Itoa(percent(total.Subscriptions, all.Subscriptions))
	if err := out.Write(last); err != nil {
		return fmt.Errorf("acceptance: write CSV: %w", err)
	}
	out.Flush()
	return out.Error()
}

func id(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// formula is what a spreadsheet takes for the beginning of one, also in full width (OWASP, "CSV Injection").
const formula = "=+-@＝＋－＠"

// Plain is a text that no spreadsheet calculates: an apostrophe in front has it shown as it is. Spaces before a
// sign do not hide it, and a cell that begins with a tab or a line's end is cut there by some.
func Plain(s string) string {
	shown := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
	if strings.IndexAny(shown, formula) == 0 || strings.IndexAny(s, "\t\r\n") == 0 {
		return "'" + s
	}
	return s
}
