package main

import (
	"os"

	"puente/deploy/prometheus/slo"
	"puente/xapi"
)

// sloCommand is service levels as code.
type sloCommand struct {
	Rules sloRulesCommand `cmd:"" help:"Print the Prometheus rules of what the contracts promise: ratios, and alerts on the rate at which error budgets burn."`
}

// sloRulesCommand prints rules.
type sloRulesCommand struct {
	WindowScale int    `help:"Divide every window by this, for drills." default:"1" placeholder:"N"`
	Runbooks    string `help:"Where the runbooks are that alerts link to." default:"${runbooks}" placeholder:"URL"`
}

// Run prints the rules.
func (c *sloRulesCommand) Run() error {
	objectives, err := slo.Objectives(xapi.Layer)
	if err != nil {
		return err
	}
	rules, err := slo.Render(objectives, slo.Options{WindowScale: c.WindowScale, Runbooks: c.Runbooks})
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(rules)
	return err
}
