package messaging

import (
	"errors"
	"time"
)

// Config is section papi.subscription.messaging.
type Config struct {
	Quiet  Quiet         `yaml:"quiet"`
	Window time.Duration `yaml:"mtWindow"` // after a purchase or a message of the user's, in which a partner may write
	Answer time.Duration `yaml:"answer"`   // after the same, or a subscription's begin, in which a partner's message answers it, at any hour
	Useful time.Duration `yaml:"useful"`   // how long an answer of ours to a message is worth sending
	Keep   time.Duration `yaml:"keep"`
}

// Defaults are those of a configuration that says nothing.
func Defaults() Config {
	return Config{
		Quiet:  Quiet{From: 22 * time.Hour, To: 8 * time.Hour, Spread: 30 * time.Minute},
		Window: 24 * time.Hour, Answer: time.Hour, Useful: time.Hour, Keep: 180 * 24 * time.Hour,
	}
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.Quiet.Validate()}
	must := func(holds bool, rule string) {
		if !holds {
			errs = append(errs, errors.New(rule))
		}
	}
	must(c.Window > 0, "mtWindow: must be positive")
	must(c.Answer >= 0 && c.Answer <= c.Window, "answer: must be from 0 to mtWindow")
	must(c.Useful >= time.Minute, "useful: must be at least 1m")
	must(c.Keep >= c.Window && c.Keep >= 24*time.Hour, "keep: must be at least 24h, and mtWindow")
	return errors.Join(errs...)
}
