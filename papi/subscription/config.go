package subscription

import (
	"errors"
	"fmt"

	"puente/papi/subscription/charging"
	"puente/papi/subscription/credential"
	"puente/papi/subscription/enrolment"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/inbound"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/renewal"
	"puente/papi/subscription/schedule"
	"puente/shared/httpclient"
	"puente/shared/outbox"
)

// Config is section papi.subscription.
type Config struct {
	Tokens        credential.Config  `yaml:"tokens"`
	Charging      charging.Config    `yaml:"charging"`
	Renewal       RenewalConfig      `yaml:"renewal"`
	Messaging     MessagingConfig    `yaml:"messaging"`
	Inbound       inbound.Config     `yaml:"inbound"`
	Enrolment     enrolment.Config   `yaml:",inline"`
	Notifications NotificationConfig `yaml:"notifications"`
	Acceptance    evidence.Config    `yaml:"acceptance"`
}

// RenewalConfig is how renewing works, and by which rule.
type RenewalConfig struct {
	renewal.Config `yaml:",inline"`
	Rule           schedule.Rule `yaml:"rule"`
}

// MessagingConfig is which messages go when, and how.
type MessagingConfig struct {
	messaging.Config `yaml:",inline"`
	Delivery         outbox.Config `yaml:"delivery"`
}

// NotificationConfig is how partners are told. Their addresses come from the catalogue, and are public ones
// on 443 unless they are allowed here.
type NotificationConfig struct {
	Delivery outbox.Config     `yaml:"delivery"`
	HTTP     httpclient.Config `yaml:"http"`
	Allow    []string          `yaml:"allow"` // host:port, whatever they resolve to
	Plain    bool              `yaml:"plain"` // http without TLS; for a demo
}

func defaults() Config {
	return Config{
		Tokens: credential.Defaults(), Charging: charging.Defaults(), Renewal: RenewalConfig{Config: renewal.Defaults(), Rule: schedule.Default()},
		Messaging: MessagingConfig{Config: messaging.Defaults(), Delivery: messaging.DeliveryDefaults()}, Inbound: inbound.Defaults(),
		Enrolment: enrolment.Defaults(), Acceptance: evidence.Defaults(),
	}
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	var errs []error
	at := func(section string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.%w", section, err))
		}
	}
	at("tokens", c.Tokens.Validate())
	at("charging", c.Charging.Validate())
	at("renewal", c.Renewal.Config.Validate())
	at("renewal.rule", c.Renewal.Rule.Validate())
	at("messaging", c.Messaging.Config.Validate())
	at("messaging.delivery", c.Messaging.Delivery.Validate())
	at("inbound", c.Inbound.Validate())
	if err := c.Enrolment.Validate(); err != nil {
		errs = append(errs, err)
	}
	at("acceptance", c.Acceptance.Validate())
	at("notifications.delivery", c.Notifications.Delivery.Validate())
	at("notifications.http", c.Notifications.HTTP.Validate())
	if _, err := httpclient.NewSSRF(true, c.Notifications.Allow...); err != nil {
		at("notifications.allow", err)
	}
	return errors.Join(errs...)
}
