package tvplatforms

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"puente/contracts/sapi/tvplatforms"
	"puente/shared/config"
	"puente/shared/httpclient"
)

// Config is section sapi.tvplatforms. A technology without any url has no means of access.
type Config struct {
	FTTH Access `yaml:"ftth"`
	HFC  Access `yaml:"hfc"`
	IPTV Access `yaml:"iptv"`
}

// Access is how the platforms of a technology are reached. What the section of a platform leaves out, or
// has as zero, is as HTTP has it.
type Access struct {
	HTTP        httpclient.Config `yaml:"http"`
	Subscribers httpclient.Config `yaml:"subscribers"`
	Channels    httpclient.Config `yaml:"channels"`
	Services    httpclient.Config `yaml:"services"`
	Devices     httpclient.Config `yaml:"devices"`
	Token       config.Secret     `yaml:"token"` // the vendor's API key, if it wants one
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	var errs []error
	for technology, access := range c.technologies() {
		name := strings.ToLower(string(technology))
		err := access.HTTP.Validate()
		if access.HTTP.Timeout == 0 {
			err = errors.Join(err, errors.New("timeout must be more than 0"))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.http: %w", name, err))
			continue // which the platforms would repeat
		}
		for _, p := range platforms {
			if err := access.of(p).Validate(); err != nil {
				errs = append(errs, fmt.Errorf("%s.%s: %w", name, strings.ToLower(string(p)), err))
			}
		}
	}
	return errors.Join(errs...)
}

// defaults: a validation has 30 s, of which the platforms, asked at once, may take 7 after the inventory's
// chain. An attempt that hangs leaves time for another.
func defaults() Config {
	access := Access{HTTP: httpclient.Config{
		Timeout: 7 * time.Second, AttemptTimeout: 3500 * time.Millisecond, Retries: 1,
		MaxResponse: 256 << 10, Bulkhead: httpclient.Bulkhead{Max: 128},
	}}
	return Config{FTTH: access, HFC: access, IPTV: access}
}

func (c *Config) technologies() map[tvplatforms.Technology]*Access {
	return map[tvplatforms.Technology]*Access{
		tvplatforms.TechnologyFTTH: &c.FTTH, tvplatforms.TechnologyHFC: &c.HFC, tvplatforms.TechnologyIPTV: &c.IPTV,
	}
}

// of is the configuration of one platform, with what its section leaves out.
func (a *Access) of(p tvplatforms.Platform) httpclient.Config {
	own := map[tvplatforms.Platform]httpclient.Config{
		tvplatforms.PlatformSubscribers: a.Subscribers, tvplatforms.PlatformChannels: a.Channels,
		tvplatforms.PlatformServices: a.Services, tvplatforms.PlatformDevices: a.Devices,
	}[p]
	general := a.HTTP
	if own.Timeout > 0 {
		general.AttemptTimeout = min(general.AttemptTimeout, own.Timeout)
	}
	complete(reflect.ValueOf(&own).Elem(), reflect.ValueOf(general))
	return own
}

// complete fills what is zero in own from general, section by section. It goes by reflection so that no
// member is forgotten that a client will have one day.
func complete(own, general reflect.Value) {
	for i := range own.NumField() {
		switch field := own.Field(i); {
		case field.Kind() == reflect.Struct:
			complete(field, general.Field(i))
		case field.IsZero():
			field.Set(general.Field(i))
		}
	}
}
