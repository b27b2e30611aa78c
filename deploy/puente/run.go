package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"puente/shared/config"
	"puente/shared/server"
)

// runCommand serves.
type runCommand struct {
	Places
	Config string `help:"Configuration file (YAML)." type:"existingfile" placeholder:"FILE"`
	Hosted
	Demo bool   `help:"Bring up everything on loopback: sandbox, private PostgreSQL, demo clients."`
	Hops string `help:"How the layers of this process call each other." default:"typed" enum:"typed,verify,http"`
}

// Hosted are the layers of this process.
type Hosted struct {
	Layers []string `help:"Layers to run in this process; the others are reached at their configured addresses." default:"xapi,papi,sapi" enum:"xapi,papi,sapi"`
}

func (h *Hosted) hosted() []server.Layer {
	return slices.DeleteFunc(slices.Clone(layers), func(l server.Layer) bool { return !slices.Contains(h.Layers, l.Name) })
}

// Places are the addresses and the directory that flags set over environment and file.
type Places struct {
	PublicAddr    string `help:"Address of the public listener." placeholder:"HOST:PORT"`
	InternalAddr  string `help:"Address of the internal listener." placeholder:"HOST:PORT"`
	CallbacksAddr string `help:"Address of the listener for systems that call back." placeholder:"HOST:PORT"`
	OpsAddr       string `help:"Address of the operations listener." placeholder:"HOST:PORT"`
	SandboxAddr   string `help:"Address of the sandbox." placeholder:"HOST:PORT"`
	DataDir       string `help:"Where the process keeps its files." placeholder:"DIR"`
}

// environ is the process's environment with the flags over it.
func (p *Places) environ() []string {
	env := os.Environ()
	for name, value := range map[string]string{
		"PUENTE_PUBLIC_ADDR": p.PublicAddr, "PUENTE_INTERNAL_ADDR": p.InternalAddr, "PUENTE_CALLBACKS_ADDR": p.CallbacksAddr, "PUENTE_OPS_ADDR": p.OpsAddr,
		"PUENTE_SANDBOX_ADDR": p.SandboxAddr, "PUENTE_DATA_DIR": p.DataDir,
	} {
		if value != "" {
			env = append(slices.DeleteFunc(env, func(s string) bool { return strings.HasPrefix(s, name+"=") }), name+"="+value)
		}
	}
	return env
}

// get is a variable of env, or fallback.
func get(env []string, name, fallback string) string {
	for _, s := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(s, name+"="); ok && value != "" {
			return value
		}
	}
	return fallback
}

// Run serves until ctx ends.
func (r *runCommand) Run(ctx context.Context) error {
	tuneMemory()
	hosted := r.hosted()
	cfg := server.Config{Hops: r.Hops, Version: version(), Program: layers}
	env, file := r.environ(), r.Config
	if r.Demo {
		if len(hosted) != len(layers) {
			return fmt.Errorf("--demo runs all layers in one process: %w", errUsage)
		}
		d, err := startDemo(ctx, env, file)
		if err != nil {
			return err
		}
		defer d.stop()
		file, cfg.Seed, cfg.Ready, cfg.Movable = d.file, d.seed, d.ready, d.clock.Store
	} else {
		cfg.DatabaseURL, cfg.RedisURL = get(env, "DATABASE_URL", ""), get(env, "REDIS_URL", "")
	}
	tree, err := config.Load(file, env)
	if err != nil {
		return err
	}
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	cfg.Tree, cfg.Reload = tree, reload
	return server.Run(ctx, cfg, hosted...)
}

// checkCommand validates.
type checkCommand struct {
	Hosted
	Config string `help:"Configuration file (YAML)." type:"existingfile" placeholder:"FILE"`
}

// Run prints what is wrong, or that nothing is.
func (c *checkCommand) Run() error {
	tree, err := config.Load(c.Config, os.Environ())
	if err != nil {
		return err
	}
	if err := server.Check(server.Config{Tree: tree}, c.hosted()...); err != nil {
		return err
	}
	fmt.Println("configuration and contracts are valid")
	return nil
}

// migrateCommand migrates.
type migrateCommand struct {
	Config string `help:"Configuration file (YAML)." type:"existingfile" placeholder:"FILE"`
}

// Run migrates every schema, hosted here or not.
func (m *migrateCommand) Run(ctx context.Context) error {
	tree, err := config.Load(m.Config, os.Environ())
	if err != nil {
		return err
	}
	report, err := server.Migrate(ctx, server.Config{Tree: tree, Version: version(), DatabaseURL: os.Getenv("DATABASE_URL")}, layers...)
	for _, line := range report {
		fmt.Println(line)
	}
	return err
}
