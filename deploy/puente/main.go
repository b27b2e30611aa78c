// Command puente is the whole platform: experience, process and system APIs, deployable together
// or apart.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"puente/deploy/prometheus/slo"
	"puente/papi"
	"puente/sapi"
	"puente/shared/server"
	"puente/xapi"
)

// layers are all there are, the systems first: who calls comes after whom it calls.
var layers = []server.Layer{sapi.Layer, papi.Layer, xapi.Layer}

// program is the command line.
type program struct {
	Run         runCommand         `cmd:"" help:"Serve the layers until SIGTERM, then drain."`
	Check       checkCommand       `cmd:"" help:"Validate configuration and contracts, and exit."`
	Migrate     migrateCommand     `cmd:"" help:"Bring the database to this version."`
	Health      healthCommand      `cmd:"" help:"Ask a running process whether it takes requests."`
	Sandbox     sandboxCommand     `cmd:"" help:"Play the third-party systems, without the platform."`
	Policies    policiesCommand    `cmd:"" help:"Show the policy chain in force for each operation."`
	Audit       auditCommand       `cmd:"" help:"Show the records of a correlation ID, or verify the chain."`
	Admin       adminCommand       `cmd:"" help:"List, get or delete clients, tiers, systems, switches and other resources."`
	SLO         sloCommand         `cmd:"" name:"slo" help:"Service levels as code."`
	Conformance conformanceCommand `cmd:"" help:"Try products of the partner hub on a private platform, and sign what was found in the acceptance matrix."`
	Apply       applyCommand       `cmd:"" help:"Make the resources of a YAML or JSON file so."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// Exit codes: 1 what was asked for failed, 2 it was not understood (kong's own usage errors are 80).
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var p program
	command := kong.Parse(&p, kong.Name("puente"), kong.UsageOnError(),
		kong.Description("An API-led integration platform: experience APIs over process APIs over system APIs, governed by policies."),
		kong.Vars{"runbooks": slo.Runbooks},
		kong.BindTo(ctx, (*context.Context)(nil)))
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "puente:", err)
		if errors.Is(err, errUsage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run() error {
	fmt.Println("puente", version())
	return nil
}

// release is set by the linker.
var release = ""

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return s.Value[:12]
			}
		}
	}
	return "dev"
}
