package partnerhub

import "strings"

// manner is how a partner wants to be answered. Before its token was verified nobody knows: then, and for
// whoever agreed to nothing else, it is rest, because a partner that looks at the HTTP status only never
// takes a failed charge for a paid one.
type manner struct{ compat, english bool }

// mannerOf reads the process's word for it: rest/es, compat/en.
func mannerOf(word string) manner {
	pairing, language, _ := strings.Cut(word, "/")
	return manner{compat: pairing == "compat", english: language == "en"}
}

// texts are the messages of a language; the Spanish ones are the document's.
type texts struct {
	done, number, flow, failed string
	field                      string // follows the field's name in quotes
}

var (
	spanish = texts{done: "Operación con éxito", field: "Obligatorio", number: "MSISDN incorrecto", flow: "Flujo incorrecto", failed: "Error generico"}
	english = texts{done: "Operation successful", field: "Mandatory", number: "Incorrect MSISDN", flow: "Incorrect flow", failed: "Generic error"}
)

func (m manner) texts() texts {
	if m.english {
		return english
	}
	return spanish
}
