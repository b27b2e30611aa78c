package inventory

import (
	"context"
	"fmt"

	"puente/contracts/sapi/inventory"
	"puente/shared/httpclient"
)

// holder is the inventory's answer to whose a connection is.
type holder struct {
	DocumentType   string `json:"TIPO_DOCUMENTO"`
	DocumentNumber string `json:"NUMERO_DOCUMENTO"`
}

// Holder tells whose a connection is, as the inventory spells it.
func (s *system) Holder(ctx context.Context, in inventory.HolderQuery) (inventory.Holder, error) {
	var found holder
	if err := s.holder.Call(ctx, httpclient.Ask{Path: []string{in.Connection}}, &found); err != nil {
		return inventory.Holder{}, fmt.Errorf("inventory: get holder: %w", err)
	}
	if found.DocumentType == "" || found.DocumentNumber == "" {
		return inventory.Holder{}, malformed(target, "no document of the holder")
	}
	return inventory.Holder{DocumentType: found.DocumentType, DocumentNumber: found.DocumentNumber}, nil
}
