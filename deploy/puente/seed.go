package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"puente/shared/admin"
	"puente/shared/config"
	"puente/shared/problem"
)

//go:embed tvtables.yaml
var tvTables []byte

//go:embed partners.yaml
var partners string

// seedTables gives a new demo the tables by which television is compared, and the catalogue of the partner
// hub. What is there stays as its operator made it.
func (d *demo) seedTables(ctx context.Context) error {
	h := d.notes.Hub
	for resource, documents := range map[string][]byte{
		"tvtables": tvTables,
		"partners": fmt.Appendf(nil, partners, d.notes.Sandbox, h.WebhookSecret, h.Key16, h.Key32, d.notes.Clients[partner].Secret),
	} {
		client := admin.NewClient(d.notes.Ops, config.NewSecret(d.notes.Admin.Token))
		empty := false
		err := insist(ctx, func() error {
			there, err := client.List(ctx, resource)
			empty = len(there) == 0
			return err
		})
		if err == nil && empty {
			err = insist(ctx, func() error {
				_, err := client.Apply(ctx, documents)
				return err
			})
		}
		if err != nil {
			return fmt.Errorf("seed %s: %w", resource, err)
		}
	}
	return nil
}

// movePartners has the partners that the sandbox plays follow it to the address that it has now: a demo that is kept may
// be started on other ports. All else of them stays as its operator made it.
func (d *demo) movePartners(ctx context.Context) error {
	if d.before == "" || d.before == d.notes.Sandbox {
		return nil
	}
	client := admin.NewClient(d.notes.Ops, config.NewSecret(d.notes.Admin.Token))
	for _, resource := range []string{"partners", "products"} { // what has URLs
		err := insist(ctx, func() error {
			there, err := client.List(ctx, resource)
			for _, document := range there {
				moved := bytes.ReplaceAll(document, []byte(`"`+d.before+"/partner/"), []byte(`"`+d.notes.Sandbox+"/partner/"))
				if err == nil && !bytes.Equal(moved, document) {
					_, err = client.Apply(ctx, moved)
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("move %s to the sandbox: %w", resource, err)
		}
	}
	return nil
}

// insist tries again for a while where the platform is not yet up to it: a machine that starts everything at once is
// slow at first. Any other error is one at once.
func insist(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := try()
		if !errors.Is(err, problem.Unavailable) && !errors.Is(err, problem.Timeout) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}
