package database

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Count is a gauge that the database is asked for when it is collected. While the database is away
// there is none.
type Count struct {
	desc  *prometheus.Desc
	count func(context.Context) (int64, error)
}

// NewCount makes the gauge of that name; count is one cheap statement.
func NewCount(name, help string, count func(context.Context) (int64, error)) Count {
	return Count{prometheus.NewDesc(name, help, nil, nil), count}
}

// countTimeout is what a scrape may wait for a count.
const countTimeout = time.Second

// Describe implements prometheus.Collector.
func (c Count) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c Count) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	n, err := c.count(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.desc, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n))
}
