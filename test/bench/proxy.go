package main

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// newProxy is net/http/httputil.ReverseProxy as one would run it: with the defaults for idle
// connections it costs more than twice as much.
func newProxy(backend string) (*httputil.ReverseProxy, error) {
	target, err := url.Parse(backend)
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("backend: %q is no URL", backend)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{
			MaxIdleConns: 2048, MaxIdleConnsPerHost: 512, IdleConnTimeout: 60 * time.Second, DisableCompression: true,
		},
		BufferPool: &buffers{sync.Pool{New: func() any { return make([]byte, 32<<10) }}},
	}, nil
}

// buffers is an httputil.BufferPool.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte { return b.pool.Get().([]byte) }

func (b *buffers) Put(p []byte) {
	//lint:ignore SA6002 the interface has slices, not pointers
	b.pool.Put(p)
}
