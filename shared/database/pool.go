package database

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	minIdle     = 2                      // connections kept open
	pingTimeout = 500 * time.Millisecond // of a connection before it is used, where shouldPing says so
	healthCheck = 10 * time.Second       // how often the pool looks after itself
)

// newPool opens the pool to the private cluster, or if that is nil, to the configured database.
func newPool(ctx context.Context, cfg Config, private *private) (*pgxpool.Pool, error) {
	pool, err := pgxpool.ParseConfig(cfg.URL.Reveal())
	if err != nil {
		return nil, err
	}
	if private != nil {
		pool.ConnConfig = private.cluster.ConnConfig(privateDatabase)
	}
	if _, ok := pool.ConnConfig.RuntimeParams["application_name"]; !ok {
		pool.ConnConfig.RuntimeParams["application_name"] = "puente"
	}
	pool.ConnConfig.ConnectTimeout = cfg.ConnectTimeout
	dialer := net.Dialer{Timeout: cfg.ConnectTimeout} // it also dials to cancel statements
	pool.ConnConfig.DialFunc = dialer.DialContext
	pool.MaxConns = int32(cfg.MaxConnections)
	pool.MinIdleConns = int32(min(minIdle, cfg.MaxConnections))
	pool.ShouldPing = shouldPing
	pool.PingTimeout = pingTimeout
	pool.HealthCheckPeriod = healthCheck
	pool.AfterConnect = encodeBlobs

	keep := pool.ConnConfig.OnPgError
	pool.ConnConfig.OnPgError = func(c *pgconn.PgConn, err *pgconn.PgError) bool {
		// A server that became a standby keeps its sessions; the next connection finds the primary.
		return err.Code != readOnlyTransaction && keep(c, err)
	}
	return pgxpool.NewWithConfig(ctx, pool)
}

// poolMetrics reads the pool's figures when they are collected.
type poolMetrics struct {
	pool *pgxpool.Pool
}

var (
	connections = prometheus.NewDesc("database_pool_connections",
		"Connections of the pool by state: acquired, idle or constructing.", []string{"state"}, nil)
	connectionsMax = prometheus.NewDesc("database_pool_connections_max",
		"Connections that the pool may have.", nil, nil)
	acquires = prometheus.NewDesc("database_pool_acquires_total",
		"Connections taken out of the pool.", nil, nil)
	acquireWaits = prometheus.NewDesc("database_pool_acquire_waits_total",
		"Connections taken out of the pool after waiting for one.", nil, nil)
	acquireWait = prometheus.NewDesc("database_pool_acquire_wait_seconds_total",
		"Time spent waiting for a connection.", nil, nil)
	acquiresCanceled = prometheus.NewDesc("database_pool_acquires_canceled_total",
		"Waits for a connection that were given up.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m poolMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connections, connectionsMax, acquires, acquireWaits, acquireWait, acquiresCanceled} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m poolMetrics) Collect(ch chan<- prometheus.Metric) {
	s := m.pool.Stat()
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	ch <- prometheus.MustNewConstMetric(connections, gauge, float64(s.AcquiredConns()), "acquired")
	ch <- prometheus.MustNewConstMetric(connections, gauge, float64(s.IdleConns()), "idle")
	ch <- prometheus.MustNewConstMetric(connections, gauge, float64(s.ConstructingConns()), "constructing")
	ch <- prometheus.MustNewConstMetric(connectionsMax, gauge, float64(s.MaxConns()))
	ch <- prometheus.MustNewConstMetric(acquires, counter, float64(s.AcquireCount()))
	ch <- prometheus.MustNewConstMetric(acquireWaits, counter, float64(s.EmptyAcquireCount()))
	ch <- prometheus.MustNewConstMetric(acquireWait, counter, s.EmptyAcquireWaitTime().Seconds())
	ch <- prometheus.MustNewConstMetric(acquiresCanceled, counter, float64(s.CanceledAcquireCount()))
}

// register registers all metrics of db, or none, and returns what takes them back.
func register(reg prometheus.Registerer, db *DB) (unregister func(), err error) {
	all := []prometheus.Collector{poolMetrics{db.Pool}, db.writers.size, db.writers.duration}
	if db.private != nil {
		all = append(all, db.private.restarts)
	}
	var done []prometheus.Collector
	unregister = func() {
		for _, c := range done {
			reg.Unregister(c)
		}
	}
	for _, c := range all {
		if err := reg.Register(c); err != nil {
			unregister()
			return nil, err
		}
		done = append(done, c)
	}
	return unregister, nil
}
