package inventory

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/inventory"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// The inventory's answers to what television an account has. Each repeats the account, as Account.
type (
	subscriber struct {
		Account string `json:"CUENTA"`
		State   state  `json:"ESTADO_SUSCRIPTOR"`
	}
	channels struct {
		Account string      `json:"CUENTA"`
		List    list[coded] `json:"CANALES"`
	}
	services struct {
		Account string      `json:"CUENTA"`
		List    list[coded] `json:"SERVICIOS"`
	}
	devices struct {
		Account string    `json:"CUENTA"`
		List    list[box] `json:"EQUIPOS"`
	}
)

// coded is a channel or a service, box a set-top box.
type (
	coded struct {
		Code string `json:"CODIGO"`
	}
	box struct {
		MAC string `json:"MAC"`
	}
)

// What the contract has at most: of a text, characters, and entries of a list.
const (
	maxState = 32
	maxItem  = 64
	maxItems = 500
)

// TelevisionSubscriber tells the state that an account's subscriber is to have on the platforms.
func (s *system) TelevisionSubscriber(ctx context.Context, in inventory.AccountQuery) (inventory.TelevisionSubscriber, error) {
	var found subscriber
	if err := ask(ctx, s.subscriber, in, &found); err != nil {
		return inventory.TelevisionSubscriber{}, fmt.Errorf("inventory: get television subscriber: %w", err)
	}
	if found.Account != in.Account {
		return inventory.TelevisionSubscriber{}, malformed(televisionTarget, anotherAccount)
	}
	if !fits(string(found.State), maxState) {
		return inventory.TelevisionSubscriber{}, malformed(televisionTarget, "no state of the subscriber")
	}
	return inventory.TelevisionSubscriber{State: string(found.State)}, nil
}

// TelevisionChannels lists an account's additional channels.
func (s *system) TelevisionChannels(ctx context.Context, in inventory.AccountQuery) (inventory.TelevisionCodes, error) {
	var found channels
	if err := ask(ctx, s.channels, in, &found); err != nil {
		return inventory.TelevisionCodes{}, fmt.Errorf("inventory: get television channels: %w", err)
	}
	codes, err := items(in, found.Account, found.List, coded.code)
	return inventory.TelevisionCodes{Codes: codes}, err
}

// TelevisionServices lists an account's additional services.
func (s *system) TelevisionServices(ctx context.Context, in inventory.AccountQuery) (inventory.TelevisionCodes, error) {
	var found services
	if err := ask(ctx, s.services, in, &found); err != nil {
		return inventory.TelevisionCodes{}, fmt.Errorf("inventory: get television services: %w", err)
	}
	codes, err := items(in, found.Account, found.List, coded.code)
	return inventory.TelevisionCodes{Codes: codes}, err
}

// TelevisionDevices lists an account's set-top boxes.
func (s *system) TelevisionDevices(ctx context.Context, in inventory.AccountQuery) (inventory.TelevisionDevices, error) {
	var found devices
	if err := ask(ctx, s.devices, in, &found); err != nil {
		return inventory.TelevisionDevices{}, fmt.Errorf("inventory: get television devices: %w", err)
	}
	macs, err := items(in, found.Account, found.List, box.mac)
	return inventory.TelevisionDevices{MACs: macs}, err
}

func (c coded) code() string { return c.Code }

func (b box) mac() string { return b.MAC }

func ask(ctx context.Context, operation *httpclient.JSON, in inventory.AccountQuery, found any) error {
	return operation.Call(ctx, httpclient.Ask{Path: []string{in.Account}}, found)
}

const anotherAccount = "another account than was asked for"

// items are the texts of a list, in its order. One that is not as the contract has it spoils them all:
// what is compared with the platforms must be complete.
func items[E any](in inventory.AccountQuery, account string, found list[E], text func(E) string) ([]string, error) {
	switch {
	case account != in.Account:
		return nil, malformed(televisionTarget, anotherAccount)
	case !found.given:
		return nil, malformed(televisionTarget, "no list")
	case len(found.entries) > maxItems:
		return nil, malformed(televisionTarget, "a list of more entries than any account has")
	}
	all := make([]string, len(found.entries))
	for i, entry := range found.entries {
		if all[i] = text(entry); !fits(all[i], maxItem) {
			return nil, malformed(televisionTarget, "a list with an entry of no or too long a name")
		}
	}
	return all, nil
}

func fits(text string, most int) bool { return text != "" && utf8.RuneCountInString(text) <= most }

// list is empty where the inventory sends null, which it does for an account that never had an entry. An
// answer without the list tells nothing.
type list[E any] struct {
	entries []E
	given   bool
}

// UnmarshalJSON tells null from nothing.
func (l *list[E]) UnmarshalJSON(text []byte) error {
	l.given = true
	return json.Unmarshal(text, &l.entries)
}

// state is a text, or the number that some releases of the inventory send.
type state string

// UnmarshalJSON takes either.
func (s *state) UnmarshalJSON(text []byte) error {
	switch first := text[0]; {
	case first == '"':
		return json.Unmarshal(text, (*string)(s))
	case first == '-', first >= '0' && first <= '9':
		*s = state(text)
		return nil
	}
	return errors.New("neither text nor number")
}

// rejection is how the inventory tells an error of its own.
type rejection struct {
	Code    string `json:"codigo"`
	Message string `json:"mensaje"`
}

// refused is an error that the inventory told. One of another shape may come from anywhere before it.
func refused(status int, text []byte) error {
	var told rejection
	if json.Unmarshal(text, &told) != nil || told.Code == "" {
		return nil
	}
	e := problem.Errorf(problem.BadUpstream, "inventory answered %d: %s: %s", status, telemetry.MaskText(told.Code), telemetry.MaskText(told.Message))
	e.Code = inventory.CodeRefused
	return e.Caused(televisionTarget)
}
