package enrolment

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"puente/shared/phone"
)

// Config is what of section papi.subscription concerns visits.
type Config struct {
	Handles   HandleConfig      `yaml:"handles"`
	PINDigits int               `yaml:"pinDigits"` // each PIN has three tries: of four digits one in 3,333 is guessed
	Operators map[string]string `yaml:"operators"` // by country: whose lines it is sold to, as pages name it
}

// HandleConfig is for whom a handle is good, and how long.
type HandleConfig struct {
	Life time.Duration `yaml:"life"`
	// BindAddress wants a handle to be used from the address that it was made for. It cannot be had where that
	// is not known: of an operator whose proxy does not say for whom it calls, or says so to an edge of ours
	// that tells us of the proxy; nor where what is on TLS leaves its network elsewhere.
	BindAddress bool `yaml:"bindAddress"`
}

// Defaults are the specification's (§7.2, §7.3).
func Defaults() Config {
	return Config{
		Handles:   HandleConfig{Life: time.Minute, BindAddress: true},
		PINDigits: 6,
		Operators: map[string]string{string(phone.Chile): "Entel", string(phone.Peru): "Entel Perú"},
	}
}

const (
	maxHandleLife = 10 * time.Minute
	maxOperator   = 60 // bytes of a name
	leastPIN      = 4
	mostPIN       = 8
)

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.Handles.Life < time.Second || c.Handles.Life > maxHandleLife {
		errs = append(errs, fmt.Errorf("handles.life: must be from 1s to %s", maxHandleLife))
	}
	if c.PINDigits < leastPIN || c.PINDigits > mostPIN {
		errs = append(errs, fmt.Errorf("pinDigits: must be from %d to %d", leastPIN, mostPIN))
	}
	for _, country := range slices.Sorted(maps.Keys(c.Operators)) {
		name := c.Operators[country]
		if new(phone.Country).UnmarshalText([]byte(country)) != nil {
			errs = append(errs, fmt.Errorf("operators.%s: must be CL or PE", country))
		}
		if strings.TrimSpace(name) != name || name == "" || len(name) > maxOperator || strings.ContainsFunc(name, unicode.IsControl) {
			errs = append(errs, fmt.Errorf("operators.%s: must have 1 to %d bytes, without control characters, and no space around", country, maxOperator))
		}
	}
	return errors.Join(errs...)
}
