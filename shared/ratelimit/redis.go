package ratelimit

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// client is a connection to one Redis, to the one that Sentinel names, or to a Cluster.
type client struct {
	redis.UniversalClient
	cluster bool
}

// connect makes the one kind of client this project has. It returns nil without a URL and does not
// wait for a connection. Errors never show the URL, for it holds a password.
func (c Config) connect() (*client, error) {
	if c.URL.IsZero() {
		return nil, nil
	}
	o, err := address(c.URL.Reveal())
	if err != nil {
		return nil, err
	}
	if o.TLSConfig != nil {
		o.TLSConfig.MinVersion = tls.VersionTLS12
		if c.CA != "" {
			if o.TLSConfig.RootCAs, err = authorities(c.CA); err != nil {
				return nil, err
			}
		}
	}
	const unbounded = time.Second // what has no deadline of its own
	o.Protocol, o.DisableIdentity = 2, true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled} // plain Redis knows none
	o.ContextTimeoutEnabled = true                                                                 // the default ignores the caller's deadline
	o.DialerRetries, o.MaxRetries = 1, -1                                                          // five dials cost 0.4 s when the server is down
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = unbounded, unbounded, unbounded, c.Wait
	logging.Disable() // it writes plain text to stderr; the limiter logs what matters
	return &client{redis.NewUniversalClient(o), o.IsClusterMode}, nil
}

// address reads the URL, whose scheme says what is there.
func address(text string) (*redis.UniversalOptions, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("url: not a URL")
	}
	var kind string
	u.Scheme, kind, _ = strings.Cut(u.Scheme, "+")
	switch kind {
	case "":
		if o, err := redis.ParseURL(u.String()); err == nil {
			return &redis.UniversalOptions{
				Addrs: []string{o.Addr}, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
			}, nil
		}
	case "cluster":
		if o, err := redis.ParseClusterURL(u.String()); err == nil {
			return &redis.UniversalOptions{
				Addrs: o.Addrs, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig, IsClusterMode: true,
			}, nil
		}
	case "sentinel":
		if o, err := redis.ParseFailoverURL(u.String()); err == nil && o.MasterName != "" {
			return &redis.UniversalOptions{
				Addrs: o.SentinelAddrs, MasterName: o.MasterName, Username: o.Username, Password: o.Password,
				SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword, DB: o.DB, TLSConfig: o.TLSConfig,
			}, nil
		}
	}
	return nil, errors.New("url: must be redis://, rediss://, unix://, redis+cluster:// or redis+sentinel://…?master_name=")
}

func authorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("ca: no certificate in " + file)
	}
	return pool, nil
}
