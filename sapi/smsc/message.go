package smsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/smsc"
	"puente/sapi/smsc/sql"
	"puente/shared/database"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/sms"
)

var (
	identifier    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$`)
	shortCode     = regexp.MustCompile(`^[A-Za-z0-9]{1,15}$`)
	international = regexp.MustCompile(`^[0-9]{8,15}$`)
)

const (
	maxText     = 1530 // characters: ten parts of GSM7
	maxValidity = 7 * 24 * 60
)

// Submit sends a message, at most once per id: the row is claimed before the call and settled after it. Who
// finds it claimed learns the first one's outcome.
func (s *system) Submit(ctx context.Context, in smsc.Message) (smsc.Submission, error) {
	if err := check(in); err != nil {
		return smsc.Submission{}, err
	}
	if s.gateway == nil {
		return smsc.Submission{}, &problem.Error{Kind: problem.Unavailable, Detail: "No SMS gateway is configured", RetryAfter: time.Minute}
	}
	content := s.ring.MAC("smsc.message", []byte(in.From), []byte(in.To), []byte(in.Text), []byte(in.Encoding), strconv.AppendInt(nil, in.Validity, 10), strconv.AppendBool(nil, in.ReportWanted))
	claim, err := sql.New(s.db).ClaimMessage(ctx, sql.ClaimMessageParams{
		ID: in.ID, Message: uuid.New(), Content: content[:], Lasts: s.cfg.HTTP.Timeout + time.Second,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return s.submittedBefore(ctx, in.ID, content[:])
	}
	if err != nil { // nothing left, whatever became of the row
		return smsc.Submission{}, fmt.Errorf("smsc: claim message: %w", unsent(err))
	}
	err = s.gateway.send(ctx, in, claim.Message, reportKey(s.ring, claim.Message))
	state, err := outcome(ctx, err)
	s.settle(ctx, in.ID, claim.Attempt, state)
	if err != nil {
		return smsc.Submission{}, fmt.Errorf("smsc: submit message: %w", err)
	}
	return smsc.Submission{MessageID: claim.Message.String()}, nil
}

func check(in smsc.Message) error {
	var b broken
	b.unless(identifier.MatchString(in.ID), "id", "must match "+identifier.String())
	b.unless(shortCode.MatchString(in.From), "from", "must match "+shortCode.String())
	b.unless(international.MatchString(in.To), "to", "must match "+international.String())
	b.unless(utf8.ValidString(in.Text) && in.Text != "" && utf8.RuneCountInString(in.Text) <= maxText, "text", "must have 1 to 1530 characters")
	b.unless(codings[in.Encoding] != "", "encoding", "must be one of the contract's")
	b.unless(in.Encoding != smsc.EncodingGSM7 || sms.Encodable(in.Text), "text", "must be of the GSM 7-bit alphabet, or encoding UCS2")
	b.unless(in.Validity >= 0 && in.Validity <= maxValidity, "validity", "must be from 1 to 10080")
	return b.err()
}

// submittedBefore is the outcome of the message that holds the id.
func (s *system) submittedBefore(ctx context.Context, id string, content []byte) (smsc.Submission, error) {
	row, err := sql.New(s.db).Message(ctx, id)
	if err != nil {
		return smsc.Submission{}, fmt.Errorf("smsc: read message: %w", database.Problem(err))
	}
	if !bytes.Equal(row.Content, content) {
		return smsc.Submission{}, &problem.Error{Kind: problem.Conflict, Code: smsc.CodeIDReused, Detail: "Another message was submitted under this id"}
	}
	switch state := smsc.State(row.State); state {
	case smsc.StateSending, smsc.StateUnsent: // or it was given up just now
		return smsc.Submission{}, &problem.Error{Kind: problem.Conflict, Code: smsc.CodeInProgress, RetryAfter: time.Second, Detail: "The same message is being sent"}
	case smsc.StateUnknown:
		return smsc.Submission{}, (&problem.Error{Kind: problem.Unknown, Detail: "The message may have been sent; it is not sent again"}).Caused(target)
	case smsc.StateRejected:
		return smsc.Submission{}, refusedMessage(errRefused)
	}
	return smsc.Submission{MessageID: row.Message.String()}, nil
}

// outcome is the state of a message after an attempt, and its error in the contract's two sorts: what the
// gateway certainly did not send, and what it may have.
func outcome(ctx context.Context, err error) (smsc.State, error) {
	e := problem.Of(err)
	switch {
	case err == nil:
		return smsc.StateAccepted, nil
	case errors.Is(err, errRefused):
		return smsc.StateRejected, refusedMessage(err)
	case errors.Is(err, errNotNow), errors.Is(err, errCredentials):
		return smsc.StateUnsent, (&problem.Error{Kind: problem.Unavailable, RetryAfter: time.Second, Err: err}).Caused(target)
	case httpclient.Unsent(err):
		if errors.Is(ctx.Err(), context.Canceled) {
			return smsc.StateUnsent, err // nobody hears it
		}
		return smsc.StateUnsent, as(problem.Unavailable, e)
	case e.Kind == problem.Timeout:
		return smsc.StateUnknown, err
	}
	return smsc.StateUnknown, as(problem.Unknown, e)
}

func refusedMessage(err error) error {
	return (&problem.Error{Kind: problem.Rejected, Code: smsc.CodeRefused, Detail: "The SMS gateway refuses the message", Err: err}).Caused(target)
}

// unsent is a failure before anything left. A caller that is told Timeout would have to take it for sent.
func unsent(err error) error {
	return as(problem.Unavailable, problem.Of(database.Problem(err)))
}

// as is e as an error of another kind; what it was stays in the log.
func as(kind problem.Kind, e *problem.Error) error {
	if e.Kind == kind {
		return e
	}
	return &problem.Error{Kind: kind, RetryAfter: time.Second, Trail: e.Trail, Err: e}
}

// settle writes an attempt's outcome, also when the caller's own time is over. Where that fails the message
// is unknown once its time is over.
func (s *system) settle(ctx context.Context, id string, attempt int32, state smsc.State) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
	defer cancel()
	_ = sql.New(s.db).SettleMessage(ctx, sql.SettleMessageParams{ID: id, Attempt: attempt, State: string(state)})
}

// Query tells how far a message has come.
func (s *system) Query(ctx context.Context, in smsc.MessageQuery) (smsc.Delivery, error) {
	var b broken
	b.unless(identifier.MatchString(in.ID), "id", "must match "+identifier.String())
	if err := b.err(); err != nil {
		return smsc.Delivery{}, err
	}
	row, err := sql.New(s.db).Message(ctx, in.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return smsc.Delivery{}, &problem.Error{Kind: problem.NotFound, Code: smsc.CodeNoMessage, Detail: "No message was submitted under this id"}
	}
	if err != nil {
		return smsc.Delivery{}, fmt.Errorf("smsc: read message: %w", database.Problem(err))
	}
	return smsc.Delivery{
		ID: in.ID, MessageID: row.Message.String(), State: smsc.State(row.State), SubmittedAt: row.CreatedAt.UTC(), ChangedAt: row.UpdatedAt.UTC(),
	}, nil
}
