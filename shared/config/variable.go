package config

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// prefix begins the name of every variable of the program, testPrefix those that only tests read.
const (
	prefix     = "PUENTE_"
	testPrefix = "PUENTE_TEST_"
)

// Variable is the name of the environment variable that sets a key: its path with the dots and the
// humps of camelCase as "_". The variable of sapi.salesorder.http.maxResponse is
// PUENTE_SAPI_SALESORDER_HTTP_MAX_RESPONSE.
func Variable(key string) string {
	var b strings.Builder
	b.WriteString(prefix)
	runes := []rune(key)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			b.WriteByte('_')
			continue
		case i > 0 && unicode.IsUpper(r):
			before := runes[i-1]
			endsWord := unicode.IsLower(before) || unicode.IsDigit(before)
			beginsWord := unicode.IsUpper(before) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if endsWord || beginsWord {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

// variables picks the program's variables out of an environment.
func variables(environ []string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, testPrefix) {
			env[name] = value
		}
	}
	return env
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
