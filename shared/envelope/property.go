package envelope

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// sent are the items of Property as the caller spelt them: an answer echoes what was sent, and the
// canonical text has other names. raw has passed the check, so that no name is ambiguous.
func sent(raw []byte) []jsontext.Value {
	var items []jsontext.Value
	if err := json.Unmarshal(folded(folded(raw, headerName), "Property"), &items); err != nil {
		return nil
	}
	return items
}

// folded is the value of a member, its name in any ASCII case; nil if there is none.
func folded(object []byte, name string) jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil
	}
	for dec.PeekKind() == '"' {
		key, err := dec.ReadToken()
		if err != nil {
			return nil
		}
		found := len(key.String()) == len(name) && mentions([]byte(key.String()), name)
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if found {
			return value.Clone()
		}
	}
	return nil
}
