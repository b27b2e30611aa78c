package slo

// behind lists, for each experience API, the system APIs that its requests may come to: by its process, or at
// once. A test holds it to the imports of the packages, which are the declarations of who calls whom.
var behind = map[string][]string{
	"landing":       hub,
	"normalizetv":   television,
	"partnerhub":    hub,
	"portabilities": {"salesorder"},
	"reconexion":    reconnection,
	"tmf621":        reconnection,
	"tmf640":        television,
	"tmf641":        reconnection,
	"tmf653":        television,
	"validatetv":    television,
}

// What the processes call.
var (
	hub          = []string{"carrierbilling", "headerenrichment", "smsc", "subscriber"}
	reconnection = []string{"inventory", "orders", "pqr"}
	television   = []string{"inventory", "tvplatforms"}
)
