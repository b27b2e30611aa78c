package e2e

import (
	"fmt"
	"testing"
	"time"

	"puente/test/machine"
)

// scenario is something an outsider may see, the same in every shape.
type scenario struct {
	name string
	play func(*testing.T, *platform)
}

// together are played beside each other: each has clients, phones and correlations of its own.
var together = []scenario{
	{"success", success},
	{"envelopes", envelopes},
	{"forwarded", forwarded},
	{"fields", fields},
	{"BotService", botService},
	{"paths", paths},
	{"sizes", sizes},
	{"framing", framing},
	{"targets", targets},
	{"bodies", bodies},
	{"tokens", tokens},
	{"contracts", contracts},
	{"idempotency", idempotency},
	{"copies", copies},
	{"filed once", filedOnce},
	{"limits", limits},
	{"NIPs", nips},
	{"switches", switches},
	{"administration", administration},
	{"records", records},
	{"health", health},
	{"metrics", metrics},
	{"catalogue", catalogue},
	{"reconexion sample", reconexionSample},
	{"reconexion strategies", reconexionStrategies},
	{"reconexion codes", reconexionCodes},
	{"reconexion invalid", reconexionInvalid},
	{"reconexion origins", reconexionOrigins},
	{"reconexion PQR", reconexionPQR},
	{"reconexion documents", reconexionDocuments},
	{"reconexion repeats", reconexionRepeats},
	{"reconexion copies", reconexionCopies},
	{"reconexion batches", reconexionBatches},
	{"reconexion typologies", typologies},
	{"reconexion records", reconexionRecords},
	{"reconexion as TM Forum has it", tmForum},
	{"television sample", televisionSample},
	{"television codes", televisionCodes},
	{"television normalized", normalizations},
	{"television normalized at once", normalizedAtOnce},
	{"television as TM Forum has it", televisionAsTMForum},
	{"hub tokens", hubTokens},
	{"hub charge", hubCharge},
	{"hub copies", hubCopies},
	{"hub foreign", hubForeign},
	{"hub codes", hubCodes},
	{"hub fields", hubFields},
	{"hub subscribe", hubSubscribe},
	{"hub SALIR", hubSalir},
	{"hub opt-out", hubOptOut},
	{"hub messages", hubMessages},
	{"hub renewal", hubRenewal},
	{"hub records, invariant 24", hubRecords},
	{"landing by PIN", landingByPIN},
	{"landing by header", landingByHeader},
	{"landing spoofed", landingSpoofed},
	{"landing redirects", landingRedirects},
	{"landing refusals", landingRefusals},
	{"landing guesses", landingGuesses},
}

// alone are played one after another: each changes what all requests of the shape meet.
var alone = []scenario{
	{"rotation", rotation},
	{"introspection", introspection},
	{"keys away", keysAway},
	{"reload", reload},
	{"shadow", shadow},
	{"outcomes", outcomes},
	{"reconexion failures", technicalFailures},
	{"reconexion silent successes", silentSuccesses},
	{"reconexion in progress", reconexionInProgress},
	{"television failures", televisionFaults},
	{"television tables", televisionTables},
	{"hub revoked", hubRevoked},
	{"hub outcome unknown", hubUnknown},
	{"hub dead partner", hubDeadPartner},
	{"hub cancelled alone", hubCancelAlone},
	{"hub restarted", hubRestarted},
	{"landing restarted", landingRestarted},
	{"in progress", inProgress},
	{"leaver", leaver},
	{"hung up", hungUp},
	{"circuit", circuit},
	{"restarted", restarted},
	{"series", hostileSeries}, // after it no token is issued for a minute
	{"every answer", everyAnswer},
	{"logs", logs},
	{"drained", drained},
}

// subjectLimit is how many requests a minute may name the same phone in the shapes.
const subjectLimit = 400

var perPhone = fmt.Sprintf("apis: {portabilities: {method: jwt, subjects: [{name: phone, member: phone, requests: %d, window: 1m}]}}\n", subjectLimit)

func TestShapes(t *testing.T) {
	shapes := []shape{typed, verified, split}
	if soaking { // its hops are those of split, in one process
		shapes = append(shapes, overHTTP)
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			with := settings{policies: perPhone}
			watched := s.name == split.name && machine.Has(t, "prometheus", "prometheus") && machine.Has(t, "redis-server", "redis")
			if watched {
				with.redis = startRedis(t).url()
			}
			p := begin(t, s, with) // one after another: a start is the most that a machine has to do
			if watched {
				p.prometheus = startPrometheus(t, scrape{scale: 30, every: time.Second, targets: p.addresses()})
			}
			t.Parallel() // they share nothing, and wait most of the time
			t.Run("together", func(t *testing.T) {
				for _, one := range together {
					t.Run(one.name, func(t *testing.T) {
						t.Parallel()
						one.play(t, p)
					})
				}
			})
			t.Run("dashboards", func(t *testing.T) { dashboards(t, p) })
			for _, one := range alone {
				t.Run(one.name, func(t *testing.T) { one.play(t, p) })
			}
		})
	}
}
