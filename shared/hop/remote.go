package hop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"puente/shared/contract"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// Headers of an HTTP hop beside the standard ones.
const (
	CorrelationHeader = "X-Correlation-Id" // X-Correlation-ID in canonical form, which net/http need not make
	DeadlineHeader    = "X-Deadline-Ms"    // the budget that is left, in milliseconds
	ServiceHeader     = "Puente-Service"
	JOSE              = "application/jose"
	maxAnswer         = 8 << 20
)

// Sealer makes a payload unreadable on the wire, and readable again. *keyring.JWE is one.
type Sealer interface {
	Encrypt(plain []byte) ([]byte, error)
	EncryptFor(kid string, plain []byte) ([]byte, error) // an answer goes under the key of its request
	Decrypt(sealed []byte) (plain []byte, kid string, err error)
}

// Remote is a layer in another process.
type Remote struct {
	URL       string            // scheme, host and port
	Caller    string            // the calling layer
	Layer     string            // the layer called
	Services  *Services         // signs the call, checks the answer
	Sealer    Sealer            // for operations whose media type is application/jose
	Transport http.RoundTripper // pooled; no retries: only system APIs retry, and never hops
}

func callRemote[In, Out any](ctx context.Context, r *Remote, op Operation[In, Out], in In) (Out, error) {
	var out, none Out
	o, err := op.Lookup()
	if err != nil {
		return out, err
	}
	target, header, body, err := encode(o, in)
	if err != nil {
		return out, problem.Errorf(problem.Internal, "hop: encode input of %s: %w", op, err)
	}
	text, err := r.exchange(ctx, op.Contract.Name, o, target, header, body)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return none, from(op.Contract.Name, problem.Errorf(problem.BadUpstream, "hop: answer of %s: %w", op, err))
	}
	return out, nil
}

// exchange sends one request and reads its answer: the body of the contract's success, or a
// *problem.Error whose trail begins with the API.
func (r *Remote) exchange(ctx context.Context, api string, op *contract.Operation, target string, header http.Header, body []byte) ([]byte, error) {
	if op.MediaType == JOSE {
		sealed, err := r.Sealer.Encrypt(body)
		if err != nil {
			return nil, problem.Errorf(problem.Internal, "hop: seal for %s: %w", api, err)
		}
		body = sealed
	}
	req, err := http.NewRequestWithContext(ctx, op.Method, strings.TrimSuffix(r.URL, "/")+target, bytes.NewReader(body))
	if err != nil {
		return nil, problem.Errorf(problem.Internal, "hop: request to %s: %w", api, err)
	}
	req.GetBody = nil // one attempt: the transport must not send it again
	req.Header = header
	if op.MediaType != "" {
		req.Header.Set("Content-Type", op.MediaType)
	}
	req.Header.Set(CorrelationHeader, telemetry.Correlation(ctx))
	req.Header.Set("Traceparent", telemetry.TraceOf(ctx).Traceparent()) // the far side begins a span below ours; the call has none of its own
	if deadline, ok := ctx.Deadline(); ok {
		req.Header.Set(DeadlineHeader, strconv.FormatInt(max(1, time.Until(deadline).Milliseconds()), 10))
	}
	token, nonce := r.Services.Sign(r.Caller, r.Layer, req.Method+" "+req.URL.RequestURI(), body, PrincipalOf(ctx))
	req.Header.Set("Authorization", token)

	resp, err := r.Transport.RoundTrip(req)
	if err != nil {
		return nil, away(ctx, api, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, away(ctx, api, err)
	}
	if len(text) > maxAnswer || !r.Services.Answered(nonce, resp.StatusCode, text, resp.Header.Get(ServiceHeader)) {
		return nil, from(api, problem.Errorf(problem.BadUpstream, "hop: %s did not prove to be a service of ours (status %d)", api, resp.StatusCode))
	}
	if resp.StatusCode != op.Status {
		e := problem.Unmarshal(resp.StatusCode, text)
		if len(e.Trail) == 0 { // not of ours: every API of ours begins the trail with itself
			e = from(api, e)
		}
		return nil, e
	}
	if op.MediaType == JOSE {
		if text, _, err = r.Sealer.Decrypt(text); err != nil {
			return nil, from(api, problem.Errorf(problem.BadUpstream, "hop: answer of %s: %w", api, err))
		}
	}
	return text, nil
}

// from is e, found on this side of the hop, as if api had returned it; its cause is for our log.
func from(api string, e *problem.Error) *problem.Error {
	crossed := problem.Cross(e, api)
	crossed.Err = e.Err
	return crossed
}

// away is the error of a hop that had no answer: Timeout where the caller's time ended,
// Unavailable where no connection was made, so that nothing happened, and Unknown after that.
// Whether the far side acted is its own affair: each system API stores its intent before it acts.
func away(ctx context.Context, api string, err error) error {
	kind, later := problem.Unknown, time.Duration(0)
	if dial := (*net.OpError)(nil); ctx.Err() != nil {
		kind = problem.Timeout
	} else if errors.As(err, &dial) && dial.Op == "dial" {
		kind, later = problem.Unavailable, time.Second
	}
	e := problem.Errorf(kind, "hop: call %s: %w", api, err)
	e.RetryAfter = later
	return from(api, e)
}
