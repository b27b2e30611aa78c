package main

import (
	"context"
	"fmt"
	"os"

	"puente/deploy/puente/conformance"
)

// conformanceCommand tries products and signs what it found: see package conformance.
type conformanceCommand struct {
	Operator
	By       string   `help:"Who signs." default:"conformance run" placeholder:"NAME"`
	DryRun   bool     `help:"Sign nothing."`
	Products []string `arg:"" name:"product" help:"Product ids."`
}

// Run prints a line for each check; it is an error where one is NOK.
func (c *conformanceCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("this program: %w", err)
	}
	return conformance.Run(ctx, conformance.Config{
		Target: client, Program: program, Version: version(), By: c.By, DryRun: c.DryRun, Out: os.Stdout,
	}, c.Products)
}
