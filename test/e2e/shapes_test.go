package e2e

import (
	"testing"
)

// scenario is something an outsider may see, the same in every shape.
type scenario struct {
	name string
	play func(*testing.T, *platform)
}

// beside each other: each has clients, phones and correlations of its own.
var together = []scenario{
	{"success", success},
	{"envelope", envelopes},
	{"forwarded", forwarded},
	{"fields", fields},
	{"botservice", botService},
	{"paths", paths},
	{"sizes", sizes},
	{"framing", framing},
	{"targets", targets},
	{"bodies", bodies},
	{"records", records},
	{"tokens", tokens},
	{"contracts", contracts},
}

// alone: each changes what all requests of the shape meet.
var alone = []scenario{
	{"rotation", rotation},
	{"introspection", introspection},
	{"keys away", keysAway},
	{"every answer", everyAnswer},
}

func TestShapes(t *testing.T) {
	for _, s := range []shape{typed, verified, overHTTP, split} {
		t.Run(s.name, func(t *testing.T) {
			p := begin(t, s, settings{})
			t.Run("together", func(t *testing.T) {
				for _, one := range together {
					t.Run(one.name, func(t *testing.T) {
						t.Parallel()
						one.play(t, p)
					})
				}
			})
			for _, one := range alone {
				t.Run(one.name, func(t *testing.T) { one.play(t, p) })
			}
		})
	}
}
