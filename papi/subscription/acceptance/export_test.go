package acceptance

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCSV(t *testing.T) {
	rows := seedRows(t)
	rows[0].Name, rows[1].Name, rows[2].Name = `=HYPERLINK("http://x";"y")`, "a,b\n\"c\"", " @SUM(A1)"
	rows[3].E2E, rows[4].Delivery, rows[5].Waiver = "-1+1", "\t02-may", &Waiver{By: "+me"}
	var out bytes.Buffer
	if err := WriteCSV(&out, rows, Total(rows)); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(lines) != 15 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	at := func(line int, column string) string { return lines[line][slices.Index(lines[0], column)] }
	for _, test := range []struct {
		line         int
		column, want string
	}{
		{1, "name", `'=HYPERLINK("http://x";"y")`}, {2, "name", "a,b\n\"c\""}, {3, "name", "' @SUM(A1)"}, {4, "e2e", "'-1+1"},
		{5, "delivery", "'\t02-may"}, {6, "waivedBy", "'+me"}, {1, "seedPercent", "88"}, {1, "applicablePercent", "100"},
		{1, "subscription.Oneshot", "n.a."}, {1, "subscriptions", "47114"}, {1, "sharePercent", "6"}, {1, "partnerId", ""},
		{14, "name", "TOTAL"}, {14, "products", "145"}, {14, "subscriptions", "776331"}, {14, "sharePercent", "100"},
	} {
		if got := at(test.line, test.column); got != test.want {
			t.Errorf("line %d, %s: %q", test.line, test.column, got)
		}
	}
}

// Nothing that a person typed begins a formula.
func TestNoCellIsAFormula(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("=+-@ \t\r\n\u00a0＝a,\"")), 0, 6, -1))
	rapid.Check(t, func(t *rapid.T) {
		r := Row{Name: text.Draw(t, "name"), E2E: text.Draw(t, "e2e"), Environment: text.Draw(t, "environment"),
			Delivery: text.Draw(t, "delivery"), Integration: text.Draw(t, "integration"), Status: Status(text.Draw(t, "status")), Waiver: &Waiver{By: text.Draw(t, "by")}}
		var out bytes.Buffer
		if err := WriteCSV(&out, []Row{r}, Totals{}); err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range lines[1] {
			if _, err := strconv.Atoi(cell); err == nil {
				continue // ours
			}
			if c := strings.TrimSpace(cell); c != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(c)[0]) {
				t.Fatalf("%q is in a cell", cell)
			}
		}
	})
}

func TestJSONGoesThereAndBack(t *testing.T) {
	for _, want := range append(seedRows(t), Row{
		Name: "Ñandú", PartnerID: 52272, ProductID: 1020, Environment: "PROD", Status: Planned, Waiver: &Waiver{"ops", "launch", time.Unix(1, 0).UTC()},
		Cells: [Checks]Cell{RenewalSendMT: {OKProv, "charge-7", time.Unix(5, 0).UTC(), "conformance"}},
	}) {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Row
		if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s became %+v, %v", text, got, err)
		}
	}
	for _, wrong := range []string{`{"checks":{"renewal.Oneshot":{"state":"OK"}}}`, `{"checks":{"renewal.SendMT":{"state":"ok"}}}`} {
		if err := json.Unmarshal([]byte(wrong), new(Row)); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	var out bytes.Buffer
	if err := WriteJSON(&out, seedRows(t), Total(seedRows(t))); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Rows []struct {
			Row struct {
				SeedPercent, ApplicablePercent int
				Checks                         map[string]struct{ State string }
			}
			SharePercent int
		}
		Totals Totals
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	first := got.Rows[0]
	if len(got.Rows) != 13 || got.Totals.Subscriptions != 776_331 || first.SharePercent != 6 || first.Row.SeedPercent != 88 || first.Row.ApplicablePercent != 100 ||
		len(first.Row.Checks) != 8 || first.Row.Checks["subscription.Oneshot"].State != "n.a." || first.Row.Checks["cancellation.NotifCancel"].State != "OK Prov" {
		t.Errorf("%+v", got)
	}
}
