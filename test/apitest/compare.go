package apitest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

var errDiffers = errors.New("differs")

// received is a message as it came, its body readable.
type received struct {
	start  string
	header http.Header
	body   []byte
}

// compare holds what came against what the file says: the start line, the header lines that the file
// names (one without a value must not be there), and the body, byte by byte. A body that is JSON in
// the file may be laid out there; order of members and spelling count.
func (p placeholders) compare(want *message, got *received) error {
	var errs []error
	if err := p.match(want.start, got.start); err != nil {
		errs = append(errs, fmt.Errorf("%s: start: %w\ngot  %s\nwant %s", want.at, err, got.start, want.start))
	}
	for _, f := range want.header {
		values := got.header.Values(f.name)
		switch err := error(nil); {
		case f.value == "" && len(values) > 0:
			errs = append(errs, fmt.Errorf("%s: header %s: is there: %q", want.at, f.name, values))
		case f.value == "":
		case len(values) != 1:
			errs = append(errs, fmt.Errorf("%s: header %s: %d values %q, want %q", want.at, f.name, len(values), values, f.value))
		default:
			if err = p.match(f.value, values[0]); err != nil {
				errs = append(errs, fmt.Errorf("%s: header %s: %w\ngot  %s\nwant %s", want.at, f.name, err, values[0], f.value))
			}
		}
	}
	body := compact(want.body)
	if err := p.match(body, string(got.body)); err != nil {
		errs = append(errs, fmt.Errorf("%s: body: %w\ngot  %s\nwant %s\nfrom %s", want.at, err, got.body, body, difference(body, string(got.body))))
	}
	return errors.Join(errs...)
}

// compact is text without the layout of JSON; what is no JSON stays as it is. A placeholder may stand
// where a string's content or a whole number would.
func compact(text string) string {
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return text
	}
	var plain strings.Builder
	var holes []string
	for _, piece := range pieces(text) {
		plain.WriteString(piece.literal)
		if piece.inner != "" {
			plain.WriteString(hole(len(holes)))
			holes = append(holes, "{{"+piece.inner+"}}")
		}
	}
	v := jsontext.Value(plain.String())
	if err := v.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return text
	}
	compacted := string(v)
	for i, inner := range holes {
		compacted = strings.Replace(compacted, hole(i), inner, 1)
	}
	return compacted
}

// hole stands for placeholder i: digits, which are a number and may be in a string.
func hole(i int) string { return fmt.Sprintf("90210%04d90210", i) }

// difference is where two texts begin to differ, placeholders not considered.
func difference(want, got string) string {
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	return fmt.Sprintf("byte %d: %.40q, want %.40q", i, got[i:], want[i:])
}
