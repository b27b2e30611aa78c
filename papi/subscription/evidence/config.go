package evidence

import (
	"errors"
	"time"

	"puente/papi/subscription/acceptance"
)

// Config is section papi.subscription.acceptance.
type Config struct {
	Validity time.Duration `yaml:"validity"` // of evidence; after it its check is to be shown again
}

// Defaults are the specification's (§14).
func Defaults() Config { return Config{Validity: acceptance.Validity} }

// Validate wants evidence to hold for as long as an integration takes.
func (c Config) Validate() error {
	if c.Validity < 24*time.Hour {
		return errors.New("validity: must be at least 24h")
	}
	return nil
}
