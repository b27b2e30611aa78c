package tvplatforms

import (
	"strings"
	"testing"
	"time"

	"puente/contracts/sapi/tvplatforms"
	"puente/shared/httpclient"
)

// What a platform's section leaves out is as its technology has it, member by member.
func TestAPlatformHasWhatItsTechnologyHas(t *testing.T) {
	cfg := defaults()
	cfg.FTTH.HTTP.URL = "https://asap.example.net"
	cfg.FTTH.Channels = httpclient.Config{Timeout: 2 * time.Second, Bulkhead: httpclient.Bulkhead{Max: 16}, Breaker: httpclient.Breaker{OpenFor: time.Minute}}
	cfg.FTTH.Devices = httpclient.Config{URL: "https://decos.example.net", Timeout: 9 * time.Second}
	want := defaults().FTTH.HTTP
	want.URL = "https://asap.example.net"
	if got := cfg.FTTH.of(tvplatforms.PlatformServices); got != want {
		t.Errorf("services %+v", got)
	}
	devices := want
	devices.URL, devices.Timeout = "https://decos.example.net", 9*time.Second
	if got := cfg.FTTH.of(tvplatforms.PlatformDevices); got != devices {
		t.Errorf("devices %+v", got)
	}
	channels := want
	channels.Timeout, channels.AttemptTimeout = 2*time.Second, 2*time.Second // what would be longer than the whole is cut
	channels.Bulkhead.Max, channels.Breaker.OpenFor = 16, time.Minute
	if got := cfg.FTTH.of(tvplatforms.PlatformChannels); got != channels {
		t.Errorf("channels %+v", got)
	}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}

func TestConfigIsRefused(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"ftth.http: url must":                    func(c *Config) { c.FTTH.HTTP.URL = "asap" },
		"hfc.http: timeout must be more than 0":  func(c *Config) { c.HFC.HTTP.Timeout = 0 },
		"iptv.devices: attemptTimeout must not":  func(c *Config) { c.IPTV.Devices.AttemptTimeout = 8 * time.Second },
		"hfc.channels: retries must not exceed":  func(c *Config) { c.HFC.Channels.Retries = 6 },
		"iptv.subscribers: pool.max must not be": func(c *Config) { c.IPTV.Subscribers.Pool.Max = 1 },
	} {
		cfg := defaults()
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want %s: %v", want, err)
		}
	}
	cfg := defaults()
	if err := cfg.Validate(); err != nil {
		t.Errorf("nothing is required: %v", err)
	}
}
