package partnerhub

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/partnerhub"
	"puente/shared/policy"
	"puente/shared/problem"
)

type keeper struct {
	asked   subscription.TokenQuery
	verdict subscription.TokenVerdict
	err     error
}

func (k *keeper) VerifyToken(_ context.Context, in subscription.TokenQuery) (subscription.TokenVerdict, error) {
	k.asked = in
	return k.verdict, k.err
}

func TestATokenOpensTheOneAPIOfItsScope(t *testing.T) {
	k := &keeper{verdict: subscription.TokenVerdict{Active: true, Client: "acme", Expires: 4102444800, Manner: "compat/en"}}
	for _, c := range []struct {
		scopes []string
		api    subscription.API
		want   []string
	}{
		{[]string{"charge"}, subscription.APICharge, []string{"charge"}},
		{nil, "", nil},
		{[]string{"charge", "sendmt"}, "", nil}, // no token has two: what asks for both is opened by none
	} {
		v, err := verifier{k}.Verify(t.Context(), policy.Question{Token: "t", Scopes: c.scopes})
		if err != nil || !v.Active || v.Client != "acme" || v.Manner != "compat/en" || !v.Expires.Equal(time.Unix(4102444800, 0)) || !slices.Equal(v.Scopes, c.want) || k.asked != (subscription.TokenQuery{Token: "t", API: c.api}) {
			t.Errorf("%v: %+v %v, asked %+v", c.scopes, v, err, k.asked)
		}
	}
	k.verdict = subscription.TokenVerdict{Reason: "expired"}
	if v, err := (verifier{k}).Verify(t.Context(), policy.Question{Scopes: []string{"charge"}}); err != nil || v.Active || v.Scopes != nil || v.Reason != "expired" {
		t.Errorf("%+v %v", v, err)
	}
	k.err = problem.Unavailable
	if v, err := (verifier{k}).Verify(t.Context(), policy.Question{}); !errors.Is(err, problem.Unavailable) || v.Active {
		t.Errorf("%+v %v", v, err)
	}
}

// Without a token, or an entity that allows the call, a defect of the token endpoints included, the words
// are those of OAuth: every operation has them.
func TestAccessIsRefusedInTheWordsOfOAuth(t *testing.T) {
	for _, op := range document(t, &partnerhub.Contract).Operations {
		for _, c := range []struct {
			e    *problem.Error
			at   string
			want int
			code string
		}{
			{&problem.Error{Kind: problem.Unauthenticated, Err: policy.ErrNoToken}, policy.Token, 401, codeInvalidRequest},
			{&problem.Error{Kind: problem.Unauthenticated, Err: policy.ErrInvalidToken}, policy.Token, 401, codeInvalidToken},
			{&problem.Error{Kind: problem.Forbidden, Err: policy.ErrScope}, policy.Token, 403, codeScope},
			{&problem.Error{Kind: problem.Forbidden}, policy.Client, 403, codeUnauthorizedClient},
			{&problem.Error{Kind: problem.Forbidden}, policy.Address, 403, codeUnauthorizedClient},
		} {
			if issues[op.ID] && c.at != policy.Address {
				continue // they are open
			}
			answer := dialect{}.Render(c.e, problem.Occurrence{Operation: op.ID, Policy: c.at, Manner: "compat/es"})
			var said partnerhub.OAuthError
			if err := json.Unmarshal(answer.Body, &said); err != nil || answer.Status != c.want || !strings.Contains(string(answer.Body), `"error":"`+c.code+`"`) {
				t.Errorf("%s: %v: %d %s", op.ID, c.e, answer.Status, answer.Body)
			}
			if stored := answer.Header.Get("Cache-Control") != "no-store"; issues[op.ID] == stored {
				t.Errorf("%s: Cache-Control %q", op.ID, answer.Header.Get("Cache-Control"))
			}
		}
	}
}

func TestDescriptionsHaveTheCharactersOfRFC6749(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: rapid.String().Draw(t, "path"), Rule: "is given twice", Breach: problem.Unreadable}}}
		answer := renderIssue(e)
		var said struct {
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal(answer.Body, &said); err != nil || answer.Status != http.StatusBadRequest {
			t.Fatalf("%d %s", answer.Status, answer.Body)
		}
		if strings.ContainsFunc(said.Description, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
			t.Fatalf("%q", said.Description)
		}
	})
}

// A charge was broken off with its caller's connection, and refunded to who came to hear of it.
func TestACallWithEffectsOutlivesItsCaller(t *testing.T) {
	end := time.Now().Add(time.Hour)
	parent, hangUp := context.WithDeadline(context.Background(), end)
	ctx, cancel := lasting(parent)
	defer cancel()
	hangUp()
	if ctx.Err() != nil {
		t.Error("it ended with its caller")
	}
	if at, ok := ctx.Deadline(); !ok || !at.Equal(end) {
		t.Errorf("it ends at %v", at)
	}
	open, cancel := lasting(context.Background())
	if cancel(); open.Err() != nil {
		t.Error("without a deadline it ends with nothing")
	}
}
