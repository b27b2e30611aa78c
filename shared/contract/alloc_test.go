//go:build !race

package contract

// Under the race detector a sync.Pool forgets on purpose, so these hold without it only.

import (
	"net/http"
	"net/url"
	"testing"
)

func TestReadDoesNotAllocate(t *testing.T) {
	check, body := flat(t)
	if n := testing.AllocsPerRun(1000, func() { check.Read(body, Limits{}) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParamsReadDoesNotAllocate(t *testing.T) {
	d, err := Load([]byte(paramsSpec))
	if err != nil {
		t.Fatal(err)
	}
	params := d.Operations[0].Params
	path := func(name string) string {
		if name == "line" {
			return "SR-50452171"
		}
		return "2"
	}
	query, header := url.Values{"q": {"abc"}, "full": {"true"}}, http.Header{"X-Channel": {"web"}}
	if n := testing.AllocsPerRun(1000, func() { params.Read(path, query, header) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
