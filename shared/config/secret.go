package config

import "log/slog"

// Secret is a configured value that is never printed: every formatting verb, slog and JSON show a
// fixed mask. A value that begins with "file:" names a file that holds the secret; Load reads it.
type Secret struct{ value string }

const hidden = "******"

// NewSecret hides value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal is the value, for the call that needs it and nothing else.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether no secret was configured.
func (s Secret) IsZero() bool { return s.value == "" }

// String, GoString, LogValue, MarshalText and MarshalJSON hide the value.
func (s Secret) String() string { return hidden }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return hidden }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes the value as the file or the environment gives it.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
