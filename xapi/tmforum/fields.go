package tmforum

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// selected is v, a resource, with the first-level members that fields names, separated by commas, and
// with id and href (TMF630 part 1, attribute selection). What it names that there is not is ignored; an
// empty one selects all.
func selected[T any](v T, fields string) T {
	if fields == "" {
		return v
	}
	names := strings.Split(fields, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	resource := reflect.ValueOf(&v).Elem()
	for i := range resource.NumField() {
		name, _, _ := strings.Cut(resource.Type().Field(i).Tag.Get("json"), ",")
		if name != "id" && name != "href" && !slices.Contains(names, name) {
			resource.Field(i).SetZero()
		}
	}
	return v
}

// The collections whose resources have an href; it is relative, for where the platform is seen is
// nothing that an answer knows.
const (
	tickets  = "/tmf-api/troubleTicket/v4/troubleTicket/"
	orders   = "/tmf-api/serviceOrdering/v4/serviceOrder/"
	tests    = "/tmf-api/serviceTestManagement/v4/serviceTest/"
	services = "/tmf-api/ServiceActivationAndConfiguration/v4/service/"
	monitors = "/tmf-api/ServiceActivationAndConfiguration/v4/monitor/"
)

// href is where a resource of a collection is read.
func href(collection, id string) string { return collection + url.PathEscape(id) }
