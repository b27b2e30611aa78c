package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Secret is a configured value that is never printed: every formatting verb, slog and JSON show a
// fixed mask. A value that begins with "file:" names, by its absolute path, a file that holds the
// secret; Section reads it and takes one newline off its end.
type Secret struct {
	value *string // fmt prints the unexported fields of others' structs without asking: an address
}

const hidden = "******"

// maxSecret is the size in bytes above which a file holds no secret; a key in PEM has a few thousand.
const maxSecret = 64 << 10

// NewSecret hides value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal is the value, for the call that needs it and nothing else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether no secret was configured.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String, GoString, LogValue, MarshalText and MarshalJSON hide the value.
func (s Secret) String() string { return hidden }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return hidden }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes the value as it is given.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// resolve takes the value, or that of the file it names.
func (s *Secret) resolve(text string) error {
	path, named := strings.CutPrefix(text, "file:")
	if !named {
		*s = NewSecret(text)
		return nil
	}
	if !filepath.IsAbs(path) {
		return errors.New("must name its file by an absolute path")
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("names a file that cannot be read: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return fmt.Errorf("names a file that cannot be read: %w", err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case len(content) > maxSecret:
		return fmt.Errorf("names a file larger than %d bytes", maxSecret)
	case strings.TrimSpace(value) == "":
		return errors.New("names a file without a value")
	}
	*s = NewSecret(value)
	return nil
}
