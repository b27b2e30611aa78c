package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"puente/papi/subscription/acceptance"
	"puente/shared/admin"
)

// mostReason is what the matrix takes of a reason, in bytes.
const mostReason = 300

// sign writes into the target's matrix what was found. A signature is of the configuration at the moment at which it is
// written: documents that were changed since they were read are not what was tried.
func (t *trial) sign(ctx context.Context, cfg Config) error {
	now, err := read(ctx, cfg.Target, t.product.id)
	if err != nil {
		return err
	}
	if !now.same(t.product) || now.row.ID != t.product.row.ID {
		return errors.New("its documents were changed while it was tried; try it again")
	}
	checks := map[acceptance.Check]acceptance.State{}
	var failed []string
	for c := range acceptance.Check(acceptance.Checks) {
		if t.found[c].State == acceptance.NotApplicable {
			continue
		}
		checks[c] = t.found[c].State
		if t.found[c].State == acceptance.NOK {
			failed = append(failed, fmt.Sprintf("%s: %s", c, t.found[c].Reason))
		}
	}
	if len(checks) == 0 {
		return nil
	}
	reason := fmt.Sprintf("conformance run of puente %s, %s", cfg.Version, time.Now().UTC().Format(time.RFC3339))
	if len(failed) > 0 {
		reason += "; " + strings.Join(failed, "; ")
	}
	if len(reason) > mostReason {
		reason = strings.ToValidUTF8(reason[:mostReason-len("…")], "") + "…"
	}
	spec, err := json.Marshal(map[string]any{"by": cfg.By, "reason": reason, "checks": checks})
	if err != nil {
		return err
	}
	document, err := json.Marshal(admin.Entity{Kind: "Acceptance", ID: t.product.row.ID, Spec: spec})
	if err == nil {
		_, err = cfg.Target.Apply(ctx, document)
	}
	return err
}
