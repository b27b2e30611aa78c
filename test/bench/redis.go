package main

import (
	"context"
	"net"
	"os/exec"
	"time"
)

// startRedis starts a Redis of our own where the machine has one.
func (s *site) startRedis(ctx context.Context) error {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.redisAddr = free.Addr().String()
	_, port, _ := net.SplitHostPort(s.redisAddr)
	if err := free.Close(); err != nil {
		return err
	}
	cmd := exec.Command(binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.dir)
	if s.redis, err = s.crew.start("redis", cmd); err != nil {
		return err
	}
	return s.redis.await(ctx, 10*time.Second, func() (bool, error) {
		conn, err := net.DialTimeout("tcp", s.redisAddr, time.Second)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
}
