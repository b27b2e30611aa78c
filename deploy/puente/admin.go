package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"puente/shared/admin"
	"puente/shared/config"
	"puente/shared/server"
)

// Operator says which process is asked, and as whom. Without flags it is the demo of this machine.
type Operator struct {
	URL     string `help:"Operations listener of the process to ask." env:"PUENTE_CLI_URL" placeholder:"URL"`
	Token   string `help:"Admin token." env:"PUENTE_CLI_TOKEN" placeholder:"TOKEN"`
	DataDir string `help:"Data directory of the demo to ask." env:"PUENTE_DATA_DIR" placeholder:"DIR"`
}

func (o *Operator) client() (*admin.Client, error) {
	if o.URL != "" {
		return admin.NewClient(o.URL, config.NewSecret(o.Token)), nil
	}
	dir := o.DataDir
	if dir == "" {
		dir = server.DefaultDataDir()
	}
	text, err := os.ReadFile(filepath.Join(dir, "demo.json"))
	if err != nil {
		return nil, fmt.Errorf("no --url, and no demo in %s: %w", dir, err)
	}
	var n notes
	if err := json.Unmarshal(text, &n); err != nil {
		return nil, fmt.Errorf("demo.json: %w", err)
	}
	return admin.NewClient(n.Ops, config.NewSecret(n.Admin.Token)), nil
}

// adminCommand reads and deletes resources.
type adminCommand struct {
	List   listCommand   `cmd:"" help:"List the resources, or the entities of one."`
	Get    getCommand    `cmd:"" help:"Show one entity."`
	Export exportCommand `cmd:"" help:"Write a resource as a file: acceptances or consents as CSV."`
	Delete deleteCommand `cmd:"" help:"Delete one entity."`
}

type listCommand struct {
	Operator
	Resource string `arg:"" optional:"" help:"clients, tiers, systems, switches, …"`
}

// Run prints the resources, or the entities of one.
func (c *listCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	if c.Resource == "" {
		resources, err := client.Resources(ctx)
		return printed(resources, err)
	}
	entities, err := client.List(ctx, c.Resource)
	return printed(entities, err)
}

type getCommand struct {
	Operator
	Resource string `arg:""`
	ID       string `arg:""`
}

// Run prints one entity.
func (c *getCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	entity, err := client.Get(ctx, c.Resource, c.ID)
	return printed(entity, err)
}

type exportCommand struct {
	Operator
	Resource string `arg:""`
	Format   string `default:"csv" help:"One of the resource's formats."`
	Of       string `help:"A part of it: of consents a number, a day, 2026-11-25, or an hour, 2026-11-25T14; of acceptances a partner, STAGING or PROD, a status, or several with commas between." placeholder:"PART"`
}

// Run writes the file to standard output as it is.
func (c *exportCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	content, err := client.Export(ctx, c.Resource, c.Format, c.Of)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(content)
	return err
}

type deleteCommand struct {
	Operator
	Resource string `arg:""`
	ID       string `arg:""`
}

// Run deletes one entity.
func (c *deleteCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	return client.Delete(ctx, c.Resource, c.ID)
}

// applyCommand applies documents.
type applyCommand struct {
	Operator
	File string `short:"f" required:"" help:"YAML or JSON documents {kind, id, spec}; - for standard input." placeholder:"FILE"`
}

// maxDocuments bounds, in bytes, what is applied at once.
const maxDocuments = 1 << 20

// Run applies all documents or none, and prints what each did.
func (c *applyCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	in := os.Stdin
	if c.File != "-" {
		if in, err = os.Open(c.File); err != nil {
			return err
		}
		defer in.Close()
	}
	documents, err := io.ReadAll(io.LimitReader(in, maxDocuments+1))
	if err != nil {
		return err
	}
	if len(documents) > maxDocuments {
		return fmt.Errorf("%s: more than 1 MiB of documents; apply them in parts", c.File)
	}
	results, err := client.Apply(ctx, documents)
	for _, r := range results {
		fmt.Printf("%s %s %s\n", r.Kind, r.ID, r.Outcome)
	}
	return err
}

// policiesCommand shows the chain in force.
type policiesCommand struct {
	Operator
	API string `arg:"" optional:"" help:"Only the operations of this API."`
}

// Run prints a line per operation and policy.
func (c *policiesCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	entities, err := client.List(ctx, "policies")
	if err != nil {
		return err
	}
	found := false
	for _, text := range entities {
		var chain struct {
			API, Operation, Path string
			Policies             []struct{ Policy, Mode string }
		}
		if err := json.Unmarshal(text, &chain); err != nil {
			return err
		}
		if c.API != "" && c.API != chain.API {
			continue
		}
		found = true
		fmt.Printf("%s %s  %s\n", chain.API, chain.Operation, chain.Path)
		for i, p := range chain.Policies {
			fmt.Printf("  %2d  %-12s %s\n", i+1, p.Policy, p.Mode)
		}
	}
	if c.API != "" && !found {
		return fmt.Errorf("the process has no public API %q", c.API)
	}
	return nil
}

// auditCommand reads the audit.
type auditCommand struct {
	Show   showCommand   `cmd:"" help:"Show the records of a correlation ID, layer by layer."`
	Verify verifyCommand `cmd:"" help:"Verify the chain; name the first altered record."`
}

type showCommand struct {
	Operator
	Correlation string `arg:""`
}

// Run prints the records.
func (c *showCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	records, err := client.Get(ctx, "audit", c.Correlation)
	return printed(records, err)
}

type verifyCommand struct{ Operator }

// Run prints what was verified; an altered chain is an error.
func (c *verifyCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	report, err := client.Get(ctx, "audit-chain", "all")
	if err != nil {
		return err
	}
	var verdict struct {
		Intact bool `json:"intact"`
	}
	if err := errors.Join(json.Unmarshal(report, &verdict), printed(report, nil)); err != nil {
		return err
	}
	if !verdict.Intact {
		return errors.New("the audit chain was altered")
	}
	return nil
}

// printed prints v as indented JSON unless there is an error.
func printed(v any, err error) error {
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	return nil
}
