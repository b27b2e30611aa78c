package apitest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/contract"
	"puente/shared/policy"
)

// The tokens that a public API's caller may send, by what follows:
//
//	the-token-of-<client>            good, with every scope that the contract asks for
//	the-token-without-scope-of-<client>
//	the-token-that-nobody-can-verify the provider is away
//
// Any other is not valid.
const (
	goodToken     = "the-token-of-"
	unscopedToken = "the-token-without-scope-of-"
	unknownToken  = "the-token-that-nobody-can-verify"
)

// stubVerifier plays the system API oauth2.
type stubVerifier struct{ scopes []string }

func newVerifier(doc *contract.Document) stubVerifier {
	var v stubVerifier
	for _, op := range doc.Operations {
		for _, scope := range op.Scopes {
			if !slices.Contains(v.scopes, scope) {
				v.scopes = append(v.scopes, scope)
			}
		}
	}
	return v
}

// Verify implements policy.Verifier.
func (v stubVerifier) Verify(_ context.Context, q policy.Question) (policy.Verdict, error) {
	token, expires := q.Token, time.Now().Add(time.Hour)
	if token == unknownToken {
		return policy.Verdict{}, errors.New("the provider is away")
	}
	if client, ok := strings.CutPrefix(token, goodToken); ok {
		return policy.Verdict{Active: true, Client: client, Scopes: v.scopes, Expires: expires}, nil
	}
	if client, ok := strings.CutPrefix(token, unscopedToken); ok {
		return policy.Verdict{Active: true, Client: client, Expires: expires}, nil
	}
	return policy.Verdict{}, nil
}

// tienda is the client that every public API's run has.
func tienda(api string) access.Entities {
	return access.Entities{
		Tiers:   []admin.Named[access.TierSpec]{{ID: "default", Spec: access.TierSpec{Limits: []access.LimitSpec{{Requests: 1000, Window: admin.Duration(time.Minute)}}}}},
		Systems: []admin.Named[access.SystemSpec]{{ID: "TIENDA", Spec: access.SystemSpec{Channel: "web"}}},
		Clients: []admin.Named[access.ClientSpec]{{ID: "tienda", Spec: access.ClientSpec{
			Name: "The store", Systems: []string{"TIENDA"}, Contracts: []access.ContractSpec{{API: api, Tier: "default"}},
		}}},
	}
}
