package catalogue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"puente/papi/subscription/sql"
	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/shared/snapshot"
)

// Store keeps the snapshot in step with the tables.
type Store struct {
	*snapshot.Follower[*Snapshot]
	db    *database.DB
	ring  *keyring.Ring
	log   *slog.Logger
	gate  Gate
	reach func(address string) error
}

// Gate says what is between production and a partner with all that it sells, or (product not zero) a product that a
// partner would sell there, too; nothing: it may.
type Gate func(ctx context.Context, partner, product int64) (missing []string, err error)

// Guard has g asked before a partner's environment becomes PROD, also where it begins there, and before a product is
// sold there. Without a gate nobody is asked. It is for the time before the store is used.
func (s *Store) Guard(g Gate) { s.gate = g }

// Reach has check asked about each notification URL that is applied: whether it would be called. It is for the time
// before the store is used.
func (s *Store) Reach(check func(address string) error) { s.reach = check }

// NewStore makes a store whose snapshot is empty until it is loaded (server.Env.Follow).
func NewStore(db *database.DB, ring *keyring.Ring, log *slog.Logger, reg prometheus.Registerer) *Store {
	s := &Store{db: db, ring: ring, log: log}
	s.Follower = snapshot.New(snapshot.Source[*Snapshot]{
		Name: "subscription_catalogue", Channel: "subscription_catalogue_changed", Empty: &Snapshot{},
		Version: func(ctx context.Context) (int64, error) { return sql.New(db).CatalogueVersion(ctx) }, Read: s.read,
	}, db, log, reg)
	return s
}

// read takes the catalogue at one moment. A row that cannot be read, or belongs to nothing, concerns only
// those who need it: it is left out, and the log says so.
func (s *Store) read(ctx context.Context) (next *Snapshot, err error) {
	err = s.db.AtOneMoment(ctx, func(tx pgx.Tx) error {
		q := sql.New(tx)
		number, err := q.CatalogueVersion(ctx)
		if err != nil {
			return err
		}
		rows, err := q.ListCatalogue(ctx)
		if err != nil {
			return err
		}
		var broken []error
		next, broken = s.assemble(number, rows)
		for _, err := range broken {
			s.log.WarnContext(ctx, "catalogue entity left out", "error", err)
		}
		return nil
	})
	return next, err
}

// assemble puts the rows together, what others refer to first.
func (s *Store) assemble(version int64, rows []sql.SubscriptionCatalogue) (*Snapshot, []error) {
	next := &Snapshot{
		version: version, partners: map[int64]*Partner{}, clients: map[string]*Client{}, shortCodes: map[string]*ShortCode{},
		services: map[int64]*Service{}, products: map[int64]*Product{}, campaigns: map[string]*Campaign{},
	}
	var broken []error
	for _, kind := range []string{kindPartner, kindClient, kindShortCode, kindService, kindProduct, kindCampaign} {
		for _, row := range rows {
			if row.Kind != kind {
				continue
			}
			if err := s.add(next, row); err != nil {
				broken = append(broken, fmt.Errorf("%s %s: %w", row.Kind, row.ID, err))
			}
		}
	}
	return next, broken
}

var errOrphan = errors.New("what it belongs to is not there")

func (s *Store) add(to *Snapshot, row sql.SubscriptionCatalogue) error {
	number, _ := identifier(row.ID)
	belongs := true
	switch row.Kind {
	case kindPartner:
		p := &Partner{ID: number}
		if err := s.open(row, &p.PartnerSpec); err != nil {
			return err
		}
		if p.Country, belongs = countries[p.PartnerSpec.Country]; belongs {
			to.partners[number] = p
		}
	case kindClient:
		c := &Client{ID: row.ID}
		if err := s.open(row, &c.ClientSpec); err != nil {
			return err
		}
		partner, _ := identifier(c.ClientSpec.Partner)
		if c.Partner, belongs = to.partners[partner]; belongs {
			to.clients[c.ID] = c
		}
	case kindShortCode:
		c := &ShortCode{Code: row.ID}
		if err := s.open(row, &c.ShortCodeSpec); err != nil {
			return err
		}
		for code, country := range countries {
			if string(code) == c.ShortCodeSpec.Country {
				c.Country = country
			}
		}
		if belongs = c.Country != nil; belongs {
			to.shortCodes[c.Code] = c
		}
	case kindService:
		v := &Service{ID: number}
		if err := s.open(row, &v.ServiceSpec); err != nil {
			return err
		}
		partner, _ := identifier(v.ServiceSpec.Partner)
		if v.Partner, belongs = to.partners[partner]; belongs {
			to.services[number] = v
		}
	case kindProduct:
		p := &Product{ID: number}
		if err := s.open(row, &p.ProductSpec); err != nil {
			return err
		}
		service, _ := identifier(p.ProductSpec.Service)
		if p.Service, belongs = to.services[service]; belongs {
			to.products[number] = p
		}
	case kindCampaign:
		c := &Campaign{Name: row.ID}
		if err := s.open(row, &c.CampaignSpec); err != nil {
			return err
		}
		product, _ := identifier(c.CampaignSpec.Product)
		if c.Product, belongs = to.products[product]; belongs {
			to.campaigns[c.Name] = c
		}
	}
	if !belongs {
		return errOrphan
	}
	return nil
}

// secretive is a spec that holds secrets which have to be known again.
type secretive interface{ secrets() []*Secret }

// open reads a row, with its secrets. Members that are not known here are those of a later version, which runs
// beside this one while it is rolled out: only a document that is applied has to have none.
func (s *Store) open(row sql.SubscriptionCatalogue, spec any) error {
	if err := json.Unmarshal(row.Spec, spec); err != nil {
		return err
	}
	holder, ok := spec.(secretive)
	if !ok || len(row.Secrets) == 0 {
		return nil
	}
	kept, err := s.kept(row)
	if err != nil {
		return err
	}
	for _, secret := range holder.secrets() {
		secret.value = kept[secret.fingerprint]
	}
	return nil
}

// kept are the secrets of a row, by fingerprint.
func (s *Store) kept(row sql.SubscriptionCatalogue) (values map[string]string, err error) {
	plain, err := s.ring.Open(sealedFor(row.Kind, row.ID), row.Secrets)
	if err == nil {
		err = json.Unmarshal(plain, &values)
	}
	return values, err
}

func sealedFor(kind, id string) string { return "subscription.catalogue/" + kind + "/" + id }

// The kinds, as documents name them.
const (
	kindPartner   = "Partner"
	kindClient    = "PartnerClient"
	kindShortCode = "ShortCode"
	kindService   = "Service"
	kindProduct   = "Product"
	kindCampaign  = "Campaign"
)

// Resources makes the catalogue administrable, what others refer to first.
func (s *Store) Resources() []admin.Resource {
	return []admin.Resource{
		admin.Of("partners", kindPartner, collection[PartnerSpec](s, kindPartner)),
		admin.Of("partnerclients", kindClient, collection[ClientSpec](s, kindClient)),
		admin.Of("shortcodes", kindShortCode, collection[ShortCodeSpec](s, kindShortCode)),
		admin.Of("services", kindService, collection[ServiceSpec](s, kindService)),
		admin.Of("products", kindProduct, collection[ProductSpec](s, kindProduct)),
		admin.Of("campaigns", kindCampaign, collection[CampaignSpec](s, kindCampaign)),
	}
}

func collection[T any](s *Store, kind string) admin.Collection[T] {
	return admin.Collection[T]{
		List: func(ctx context.Context) ([]admin.Named[T], error) {
			rows, err := sql.New(s.db).ListEntities(ctx, kind)
			if err != nil {
				return nil, database.Problem(err)
			}
			all := make([]admin.Named[T], len(rows))
			for i, row := range rows {
				all[i].ID = row.ID
				if err := json.Unmarshal(row.Spec, &all[i].Spec); err != nil {
					return nil, fmt.Errorf("catalogue: read %s %s: %w", kind, row.ID, err)
				}
			}
			return all, nil
		},
		Get: func(ctx context.Context, id string) (spec T, err error) {
			row, err := s.row(ctx, kind, id)
			if err == nil {
				err = json.Unmarshal(row.Spec, &spec)
			}
			return spec, err
		},
		Put: func(ctx context.Context, id string, spec T) error { return s.put(ctx, kind, id, &spec) },
		Delete: func(ctx context.Context, id string) error {
			if by := s.referrer(kind, id); by != "" {
				return &problem.Error{Kind: problem.Conflict, Detail: "is referred to by " + by}
			}
			if number, ok := identifier(id); ok && kind == kindProduct { // whom it is for could not even be told
				open, err := sql.New(s.db).HasOpenSubscriptions(ctx, number)
				if err != nil {
					return database.Problem(err)
				}
				if open {
					return &problem.Error{Kind: problem.Conflict, Detail: "has subscriptions: withdraw it first, and they end when they are due"}
				}
			}
			n, err := sql.New(s.db).DeleteEntity(ctx, sql.DeleteEntityParams{Kind: kind, ID: id})
			if err == nil && n == 0 {
				return &problem.Error{Kind: problem.NotFound}
			}
			s.refresh(ctx)
			return database.Problem(err)
		},
	}
}

func (s *Store) row(ctx context.Context, kind, id string) (sql.SubscriptionCatalogue, error) {
	row, err := sql.New(s.db).GetEntity(ctx, sql.GetEntityParams{Kind: kind, ID: id})
	if errors.Is(err, pgx.ErrNoRows) {
		return row, &problem.Error{Kind: problem.NotFound}
	}
	return row, database.Problem(err)
}

// put stores a document; secrets that it names by fingerprint are those that are kept.
func (s *Store) put(ctx context.Context, kind, id string, spec any) error {
	old, err := s.row(ctx, kind, id)
	if err != nil && !errors.Is(err, problem.NotFound) {
		return err
	}
	now, err := s.read(ctx) // not the snapshot, which another process may be ahead of
	if err != nil {
		return database.Problem(err)
	}
	if err := s.fits(ctx, now, id, old, spec); err != nil {
		return err
	}
	var sealed []byte
	if holder, ok := spec.(secretive); ok {
		kept := map[string]string{}
		if len(old.Secrets) > 0 {
			if kept, err = s.kept(old); err != nil {
				return err
			}
		}
		next := map[string]string{}
		for _, secret := range holder.secrets() {
			if secret.value == "" {
				secret.value = kept[secret.fingerprint]
			}
			if secret.value == "" {
				return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "secrets", Rule: "must be given in clear: one that is named by its fingerprint is not kept"}}}
			}
			next[secret.fingerprint] = secret.value
		}
		if len(next) > 0 {
			plain, err := json.Marshal(next)
			if err != nil {
				return err
			}
			sealed = s.ring.Seal(sealedFor(kind, id), plain)
		}
	}
	if partner, ok := spec.(*PartnerSpec); ok {
		var r rules
		if partner.Notify.ClientCertificate.validate(&r); len(r) > 0 { // of a pair whose one half was kept
			return r.err()
		}
	}
	if err := s.pass(ctx, now, id, old, spec); err != nil {
		return err
	}
	text, err := json.Marshal(spec, json.Deterministic(true))
	if err != nil {
		return err
	}
	if err := sql.New(s.db).PutEntity(ctx, sql.PutEntityParams{Kind: kind, ID: id, Spec: text, Secrets: sealed}); err != nil {
		return database.Problem(err)
	}
	s.refresh(ctx)
	return nil
}

// referrer names something of the snapshot that refers to an entity; empty: nothing does.
func (s *Store) referrer(kind, id string) string {
	now := s.Snapshot()
	number, _ := strconv.ParseInt(id, 10, 64)
	switch kind {
	case kindPartner:
		for _, c := range now.clients {
			if c.Partner.ID == number {
				return kindClient + " " + c.ID
			}
		}
		for _, v := range now.services {
			if v.Partner.ID == number {
				return fmt.Sprint(kindService, " ", v.ID)
			}
		}
	case kindShortCode:
		for _, v := range now.services {
			if v.Has(id) {
				return fmt.Sprint(kindService, " ", v.ID)
			}
		}
	case kindService:
		for _, p := range now.products {
			if p.Service.ID == number {
				return fmt.Sprint(kindProduct, " ", p.ID)
			}
		}
	case kindProduct:
		for _, c := range now.campaigns {
			if c.Product.ID == number {
				return kindCampaign + " " + strings.ToLower(c.Name)
			}
		}
	}
	return ""
}

// refresh has this process work by a change once its operator was told that it was made. Where that
// fails the follower finds the change, as it does in the others.
func (s *Store) refresh(ctx context.Context) { _ = s.Load(ctx) }
