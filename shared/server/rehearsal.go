package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/admin"
	"puente/shared/config"
	"puente/shared/contract"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/jobs"
	"puente/shared/keyring"
	"puente/shared/policy"
)

// nowhere is a database that nobody connects to.
const nowhere = "postgres://rehearsal@127.0.0.1:1/none"

// rehearse mounts every API against nothing: no connection, no listener, no goroutine. Each reads
// its section and declares its operations, so that whatever is wrong with the configuration or a
// contract shows before anything is started or replaced. Mount is called again for the real start.
func rehearse(tree *config.Tree, s settings, hops string, layers, program []Layer) error {
	silent := slog.New(slog.DiscardHandler)
	h := &host{
		tree: tree, settings: s, hops: hops, layers: layers, log: silent,
		registerer: prometheus.NewRegistry(), registry: hop.NewRegistry(), admin: admin.New(func(context.Context, admin.Change) {}),
		public: router(), plain: router(), callbacks: router(), internal: router(), edge: &policy.Edge{Settings: new(atomic.Pointer[policy.Settings])},
	}
	h.settings.Database.URL = config.NewSecret(nowhere)
	var err error
	if h.db, err = database.Open(context.Background(), h.settings.Database, "", silent, h.registerer); err != nil {
		return err
	}
	defer h.db.Close()
	if h.jobs, err = jobs.New(h.db, s.Jobs, silent, h.registerer, nil); err != nil {
		return err
	}
	if h.ring, err = keyring.Ephemeral(); err != nil {
		return err
	}
	h.metrics = policy.NewMetrics(h.registerer)
	var errs []error
	for _, layer := range layers {
		for i := range layer.APIs {
			errs = append(errs, h.mount(&layer.APIs[i]))
		}
	}
	if h.hosts("xapi") || h.calledBack() {
		errs = append(errs, spelled(&s.Policies, program))
	}
	return errors.Join(append(errs, tree.Unclaimed())...)
}

// spelled refuses policies of APIs that do not exist or are behind no policy chain, and limits of members
// that no body of theirs has: a misspelt one would never be in force. Processes may share a file: each
// knows the APIs of the whole program.
func spelled(s *policy.Settings, program []Layer) error {
	members := make(map[string]map[string]bool) // by API, of the bodies of all its operations
	for _, layer := range program {
		for i := range layer.APIs {
			if api := &layer.APIs[i]; api.listener() == Public || api.listener() == Callbacks {
				if doc, err := api.Contract.Document(); err == nil { // configure reports the others
					members[api.Contract.Name] = bodyMembers(doc)
				}
			}
		}
	}
	var errs []error
	for _, api := range slices.Sorted(maps.Keys(s.APIs)) {
		known, ok := members[api]
		if !ok {
			errs = append(errs, fmt.Errorf("policies.apis.%s: no such public API; there are %s", api, strings.Join(slices.Sorted(maps.Keys(members)), ", ")))
			continue
		}
		for i, subject := range s.APIs[api].Subjects {
			if subject.Member != "" && !known[subject.Outermost()] {
				errs = append(errs, fmt.Errorf("policies.apis.%s.subjects[%d].member: no body of the API has a member %s", api, i, subject.Member))
			}
		}
	}
	return errors.Join(errs...)
}

// bodyMembers are the top-level members of the JSON bodies of doc's operations. What the envelope
// of a body adds is not among them: policies see what is inside.
func bodyMembers(doc *contract.Document) map[string]bool {
	members := make(map[string]bool)
	for _, op := range doc.Operations {
		if op.Body == nil {
			continue
		}
		for _, name := range op.Body.Members() {
			members[name] = true
		}
	}
	return members
}
