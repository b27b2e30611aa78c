package ratelimit

import (
	"errors"
	"time"

	"puente/shared/config"
)

// Config is section redis.
type Config struct {
	// URL of the Redis that shares the limits; empty: each process counts alone.
	// redis://user:password@host:6379/0, rediss:// with TLS; redis+cluster:// and redis+sentinel://
	// (rediss+…) with ?addr=host:port for further nodes, and ?master_name= for Sentinel.
	URL      config.Secret `yaml:"url"`
	CA       string        `yaml:"ca"`       // PEM file of the authorities for rediss; empty: the system's
	Replicas int           `yaml:"replicas"` // processes that share the limits: each one's share without Redis is limit ÷ replicas
	Wait     time.Duration `yaml:"wait"`     // longest wait of a request for Redis
	MaxKeys  int           `yaml:"maxKeys"`  // keys whose own count is kept at once; about 250 bytes each when little used
}

const (
	defaultWait    = 50 * time.Millisecond
	defaultMaxKeys = 1 << 18
)

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Wait == 0 {
		c.Wait = defaultWait
	}
	if c.MaxKeys == 0 {
		c.MaxKeys = defaultMaxKeys
	}
	return c
}

// Validate joins all it finds.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Replicas < 1 {
		errs = append(errs, errors.New("replicas must be at least 1"))
	}
	if c.Wait < time.Millisecond || c.Wait > defaultWait {
		errs = append(errs, errors.New("wait must be between 1ms and 50ms"))
	}
	if c.MaxKeys < 0 {
		errs = append(errs, errors.New("maxKeys must not be negative"))
	}
	client, err := c.connect()
	if err != nil {
		errs = append(errs, err)
	} else if client != nil {
		_ = client.Close()
	}
	return errors.Join(errs...)
}
