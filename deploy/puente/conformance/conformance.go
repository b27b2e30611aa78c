// Package conformance is the hub's own conformance run: that by which a check of the integration acceptance matrix
// becomes OK (partner hub specification §14: "OK is set by the hub's own conformance run against the simulator"). It
// says that the hub does for a product, as its documents are, all that the checks ask; that the partner's side does,
// which is OK Prov, no run of ours can say.
//
// A run reads a product's documents from the platform that it is about, and tries them on a private one: this program's
// demo, in a directory of its own, with the sandbox in place of the operator and of the partner. There it does what a
// user and a partner do, by the edges that they have, looks at what they get, and signs at the first platform what it
// saw. Nothing is sold there, and nobody is told of anything.
//
//	documents.go     what is tried, as operators wrote it
//	staging.go       and as the private platform gets it
//	platform.go      the private platform
//	visit.go         a user on the landing pages
//	edge.go          the partner's calls
//	told.go          what the partner was told
//	trial.go         a product's checks, one after the other
//	subscription.go  of a subscription
//	oneshot.go       of a product that is charged on demand
//	sign.go          what is written into the matrix
package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"puente/papi/subscription/acceptance"
	"puente/shared/admin"
)

// Config is who tries, where, and with what.
type Config struct {
	Target  *admin.Client // the platform whose products they are
	Program string        // the executable that is the private platform
	Version string        // of it
	By      string        // who signs
	DryRun  bool          // nothing is signed
	Out     io.Writer     // a line for each check
}

// ErrNOK is a run that came to its end, and in which a check failed.
var ErrNOK = errors.New("not all checks are OK")

// Run tries products, by id. What it is asked about is read before anything is started. Each product is signed once all
// of its checks were tried: a run that is interrupted, or whose platform dies, has found nothing out about the product that
// it was at.
func Run(ctx context.Context, cfg Config, ids []string) error {
	var products []*product
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		p, err := read(ctx, cfg.Target, id)
		if err != nil {
			return fmt.Errorf("product %s: %w", id, err)
		}
		products = append(products, p)
	}
	private, err := start(ctx, cfg.Program)
	if err != nil {
		return interrupted(ctx, fmt.Errorf("private platform: %w", err))
	}
	err = interrupted(ctx, run(ctx, cfg, private, products))
	return errors.Join(err, private.stop())
}

// interrupted is err, unless all that went wrong is that somebody ended the run.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
	return err
}

func run(ctx context.Context, cfg Config, private *platform, products []*product) error {
	if err := private.stock(ctx, products); err != nil {
		return fmt.Errorf("private platform: apply the documents: %w", err)
	}
	failed := false
	for i, p := range products {
		t, err := newTrial(private, p, i)
		if err == nil {
			err = t.play(ctx)
		}
		if err != nil {
			return fmt.Errorf("product %s: %w", p.id, err)
		}
		failed = t.report(cfg.Out) || failed
		if cfg.DryRun {
			continue
		}
		if err := t.sign(ctx, cfg); err != nil {
			return fmt.Errorf("product %s: sign: %w", p.id, err)
		}
		fmt.Fprintf(cfg.Out, "  signed by %s\n", cfg.By)
	}
	if failed {
		return ErrNOK
	}
	return nil
}

// report writes a line for each check, and says whether one is NOK.
func (t *trial) report(out io.Writer) (failed bool) {
	fmt.Fprintf(out, "%s  %s\n", t.product.row.ID, t.product.row.Name)
	for c := range acceptance.Check(acceptance.Checks) {
		line := fmt.Sprintf("  %-26s %s", c, t.found[c].State)
		if reason := t.found[c].Reason; reason != "" {
			line += "  " + reason
		}
		fmt.Fprintln(out, line)
		failed = failed || t.found[c].State == acceptance.NOK
	}
	return failed
}
