package smsc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/sapi/smsc"
	"puente/sapi/smsc/sql"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/shared/server"
)

// Callbacks is the declaration, which the layer lists, of what the gateway calls. It is the same API by
// another door, and so it has the same tables.
var Callbacks = server.API{Contract: &smsc.Callbacks, Mount: mountCallbacks, Listener: server.Callbacks, Migrations: migrations}

// CallbacksConfig is section sapi.smsccallbacks.
type CallbacksConfig struct {
	Secret     config.Secret `yaml:"secret"`     // in the URL of the gateway's sms-service; without it no message of a phone is taken
	Redelivery time.Duration `yaml:"redelivery"` // the same message within this time is the SMS center's repetition
}

const minSecret = 16

// Validate joins all that is wrong.
func (c *CallbacksConfig) Validate() error {
	var errs []error
	if !c.Secret.IsZero() && len(c.Secret.Reveal()) < minSecret {
		errs = append(errs, fmt.Errorf("secret: must have at least %d characters", minSecret))
	}
	if c.Redelivery < time.Second {
		errs = append(errs, errors.New("redelivery: must be at least 1s"))
	}
	return errors.Join(errs...)
}

// callbacks takes what the gateway calls us for.
type callbacks struct {
	cfg   CallbacksConfig
	ring  *keyring.Ring
	db    *database.DB
	log   *slog.Logger
	count *prometheus.CounterVec
}

func newCallbacks(cfg CallbacksConfig, ring *keyring.Ring, db *database.DB, log *slog.Logger) *callbacks {
	return &callbacks{cfg, ring, db, log, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "smsc_callbacks_total", Help: "What the SMS gateway called for, by kind and by what came of it: stored, repeated (stored and marked), dropped (known already), ignored (says nothing), forged.",
	}, []string{"kind", "outcome"})}
}

func mountCallbacks(env *server.Env) error {
	cfg := CallbacksConfig{Redelivery: 5 * time.Minute}
	if err := env.Config(&cfg); err != nil {
		return err
	}
	c := newCallbacks(cfg, env.Keyring(), env.Database(), env.Logger())
	if err := env.Registerer().Register(c.count); err != nil {
		return err
	}
	server.Handle(env, smsc.ReceiveMessage, c.Message)
	server.Handle(env, smsc.ReceivePostedMessage, c.Message)
	server.Handle(env, smsc.ReceiveReport, c.Report)
	return nil
}

const (
	kindMessage = "message"
	kindReport  = "report"
)

// forged refuses a call of somebody who does not know the secret.
func (c *callbacks) forged(kind string) error {
	c.count.WithLabelValues(kind, "forged").Inc()
	return problem.Errorf(problem.Forbidden, "smsc: a forged %s", kind)
}

// Message stores a message of a phone.
func (c *callbacks) Message(ctx context.Context, in smsc.ReceivedMessage) (struct{}, error) {
	want, got := sha256.Sum256([]byte(c.cfg.Secret.Reveal())), sha256.Sum256([]byte(in.Secret)) // as long as each other
	if c.cfg.Secret.IsZero() || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return struct{}{}, c.forged(kindMessage)
	}
	m := content{
		From: number(in.From), To: number(in.To), Text: decode(in.Text, in.Charset, in.Coding),
		Reference: plain(in.Reference), SMSC: plain(in.SMSC),
	}
	if m.From == "" && m.To == "" && m.Text == "" {
		c.count.WithLabelValues(kindMessage, "ignored").Inc()
		return struct{}{}, nil
	}
	what, err := c.store(ctx, m, in.ID)
	if err != nil {
		return struct{}{}, fmt.Errorf("smsc: store message: %w", database.Problem(err))
	}
	c.count.WithLabelValues(kindMessage, what).Inc()
	return struct{}{}, nil
}

// store writes m down unless it is there: the gateway calls again under the same id of its own until we
// answer, and the SMS center delivers again what the gateway was slow to take, under the same reference.
// Without a reference the same words may as well have been sent twice: both are kept, and the second marked.
func (c *callbacks) store(ctx context.Context, m content, gateway string) (what string, err error) {
	sealed, err := seal(c.ring, m)
	if err != nil {
		return "", err
	}
	id, err := uuid.NewV7() // near each other in the index
	if err != nil {
		return "", err
	}
	print := c.ring.MAC("smsc.print", []byte(m.From), []byte(m.To), []byte(m.Text), []byte(m.Reference))
	row := sql.StoreMessageParams{ID: id, Sealed: sealed, Print: print[:], Span: c.cfg.Redelivery, Named: m.Reference != ""}
	if gateway != "" {
		sum := c.ring.MAC("smsc.gateway", []byte(gateway))
		row.Gateway = sum[:]
	}
	err = pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		q := sql.New(tx)
		if err := q.LockPrint(ctx, int64(binary.BigEndian.Uint64(print[:]))); err != nil {
			return err
		}
		repeated, err := q.StoreMessage(ctx, row)
		switch what = "stored"; {
		case errors.Is(err, pgx.ErrNoRows):
			what, err = "dropped", nil
		case repeated:
			what = "repeated"
		}
		return err
	})
	return what, err
}

// Report stores what became of a message.
func (c *callbacks) Report(ctx context.Context, in smsc.ReceivedReport) (struct{}, error) {
	message, err := uuid.Parse(in.Message)
	if err != nil || subtle.ConstantTimeCompare([]byte(reportKey(c.ring, message)), []byte(in.Key)) != 1 {
		return struct{}{}, c.forged(kindReport)
	}
	state := reported(in.Status, in.Answer)
	if state == "" {
		c.count.WithLabelValues(kindReport, "ignored").Inc()
		c.log.WarnContext(ctx, "a delivery report says nothing", "message", message, "status", shortened(in.Status))
		return struct{}{}, nil
	}
	item, err := uuid.NewV7()
	if err != nil {
		return struct{}{}, err
	}
	n, err := sql.New(c.db).Report(ctx, sql.ReportParams{Item: item, Message: message, State: string(state)})
	if err != nil {
		return struct{}{}, fmt.Errorf("smsc: store report: %w", database.Problem(err))
	}
	what := "stored"
	if n == 0 { // told before, or of a message that is too old to be kept
		what = "dropped"
	}
	c.count.WithLabelValues(kindReport, what).Inc()
	return struct{}{}, nil
}

// shortened bounds what somebody else wrote, for the log.
func shortened(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > 16 {
		s = strings.ToValidUTF8(s[:16], "")
	}
	return s
}
