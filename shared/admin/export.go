package admin

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"puente/shared/problem"
)

// Export writes a whole resource as a file, for a program that is not the platform's: a spreadsheet.
type Export struct {
	MediaType string // text/csv; charset=utf-8
	Extension string // of the file's name: csv
	Write     func(ctx context.Context, w io.Writer) error

	// WriteOf writes a part of the resource, by what a reader names: a day, a number. Nil: there is the whole alone.
	WriteOf func(ctx context.Context, of string, w io.Writer) error
}

// file is what an endpoint answers in place of JSON.
type file struct {
	mediaType, name string
	content         []byte
}

// export writes a resource in a format, or the part of it that of names. All of it is in memory before any of it is sent, so that what fails
// is answered as an error and no half is taken for the whole.
func (r *Registry) export(ctx context.Context, name, format, of string) (file, error) {
	res, err := r.named(name)
	if err != nil {
		return file{}, err
	}
	e, ok := res.Exports[format]
	if !ok {
		rule := name + " cannot be exported"
		if len(res.Exports) > 0 {
			rule = "must be one of " + strings.Join(slices.Sorted(maps.Keys(res.Exports)), ", ")
		}
		return file{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "format", Rule: rule}}}
	}
	if of != "" && e.WriteOf == nil {
		return file{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "of", Rule: "must be left out: " + name + " is exported as a whole"}}}
	}
	var out bytes.Buffer
	if of == "" {
		err = e.Write(ctx, &out)
	} else {
		err = e.WriteOf(ctx, of, &out)
	}
	if err != nil {
		return file{}, err
	}
	return file{mediaType: e.MediaType, name: name + "." + e.Extension, content: out.Bytes()}, nil
}
