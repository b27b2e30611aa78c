package keyring_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"pgregory.net/rapid"

	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/keyring"
)

func secret(b byte) config.Secret {
	return config.NewSecret(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)))
}

func ring(t *testing.T, active string, ids ...string) *keyring.Ring {
	t.Helper()
	var keys []keyring.Key
	for _, id := range ids {
		keys = append(keys, keyring.Key{ID: id, Secret: secret(id[len(id)-1])})
	}
	r, err := keyring.New(keys, active)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealedOpensUnderItsContextOnly(t *testing.T) {
	r := ring(t, "k1", "k1")
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed := r.Seal("clients.secret", plain)
		if got, err := r.Open("clients.secret", sealed); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("Open = %x, %v; want %x", got, err, plain)
		}
		if _, err := r.Open("clients.other", sealed); !errors.Is(err, keyring.ErrSealed) {
			t.Fatal("it opens under another context")
		}
		altered := bytes.Clone(sealed)
		altered[rapid.IntRange(0, len(altered)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		if _, err := r.Open("clients.secret", altered); err == nil {
			t.Fatal("an altered value opens")
		}
		altered = bytes.Clone(sealed)
		altered[1] = rapid.Byte().Filter(func(b byte) bool { return b != sealed[1] }).Draw(t, "length of the key ID")
		if _, err := r.Open("clients.secret", altered); err == nil {
			t.Fatal("a value with another header opens")
		}
		if _, err := r.Open("clients.secret", sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "cut")]); err == nil {
			t.Fatal("a cut value opens")
		}
	})
}

// A length of 254 or more once overflowed while the header was cut off.
func TestOpenSurvivesAnyLengthOfTheKeyID(t *testing.T) {
	r := ring(t, "k1", "k1")
	sealed := r.Seal("c", make([]byte, 1000))
	for length := range 256 {
		if length == len("k1") {
			continue
		}
		sealed[1] = byte(length)
		if _, err := r.Open("c", sealed); !errors.Is(err, keyring.ErrSealed) {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	old := ring(t, "k1", "k1")
	both := ring(t, "k2", "k1", "k2")
	sealed := old.Seal("c", []byte("value"))
	if got, err := both.Open("c", sealed); err != nil || string(got) != "value" {
		t.Errorf("the old key's value: %q, %v", got, err)
	}
	if _, err := old.Open("c", both.Seal("c", []byte("value"))); !errors.Is(err, keyring.ErrSealed) {
		t.Errorf("a ring without the key: %v", err)
	}
	if old.MAC("p", []byte("v")) != both.MAC("p", []byte("v")) {
		t.Error("a new key changed the keyed hashes")
	}
	if both.MAC("p", []byte("ab"), []byte("c")) == both.MAC("p", []byte("a"), []byte("bc")) {
		t.Error("two lists of parts have one hash")
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	_, err := keyring.New([]keyring.Key{{ID: "K 1", Secret: secret(1)}, {ID: "k2", Secret: config.NewSecret("short")}}, "k2")
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("ring[0].id")) || !bytes.Contains([]byte(err.Error()), []byte("ring[1].secret")) {
		t.Errorf("error %v", err)
	}
}

func TestLoadOrCreateKeepsTheRing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "not", "there", "keys.json")
	first, err := keyring.LoadOrCreate(name)
	if err != nil {
		t.Fatal(err)
	}
	second, err := keyring.LoadOrCreate(name)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.Open("c", first.Seal("c", []byte("v"))); err != nil || string(got) != "v" {
		t.Errorf("second start: %q, %v", got, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(name, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.LoadOrCreate(name); err == nil {
		t.Error("a broken file was replaced")
	}
}

func TestLoadOrCreateRefusesAFileThatOthersMayRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "keys.json")
	if _, err := keyring.LoadOrCreate(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.LoadOrCreate(name); err == nil {
		t.Error("accepted")
	}
}

func TestWrongRingIsRefused(t *testing.T) {
	db := databasetest.New(t, keyring.Migrations)
	for _, step := range []struct {
		name string
		ring *keyring.Ring
		want error
	}{
		{"the first ring", ring(t, "k1", "k1"), nil},
		{"another ring, before the next key comes", ring(t, "k2", "k9", "k2"), keyring.ErrWrongRing},
		{"one key more", ring(t, "k1", "k1", "k2"), nil},
		{"the new key seals", ring(t, "k2", "k1", "k2"), nil},
		{"a process that does not know the new key yet", ring(t, "k1", "k1"), nil},
		{"another ring", ring(t, "k9", "k9"), keyring.ErrWrongRing},
		{"another first key", ring(t, "k2", "k2", "k1"), keyring.ErrWrongRing},
		{"another key under the second one's ID", renamed(t, "k2", "k1", "k3"), keyring.ErrWrongRing},
		{"the right ring again", ring(t, "k2", "k1", "k2"), nil},
	} {
		if err := step.ring.Verify(t.Context(), db); !errors.Is(err, step.want) {
			t.Errorf("%s: %v", step.name, err)
		}
	}
}

// TestCanaryOfTheFirstMigrationIsKept starts with the proof as the first version of the table had it.
func TestCanaryOfTheFirstMigrationIsKept(t *testing.T) {
	const first = "00001_canary.sql"
	text, err := fs.ReadFile(keyring.Migrations.FS, first)
	if err != nil {
		t.Fatal(err)
	}
	db := databasetest.New(t, database.Migrations{Schema: "keyring", FS: fstest.MapFS{first: {Data: text}}})
	old := ring(t, "k2", "k1", "k2")
	mac := old.MAC("keyring.canary")
	if _, err := db.Exec(t.Context(), "INSERT INTO keyring.canary (single, sealed, mac) VALUES (true, $1, $2)", old.Seal("keyring.canary", mac[:]), mac[:]); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), []database.Migrations{keyring.Migrations}); err != nil {
		t.Fatal(err)
	}
	if err := renamed(t, "k2", "k1", "k3").Verify(t.Context(), db); !errors.Is(err, keyring.ErrWrongRing) {
		t.Errorf("another key under the old one's ID: %v", err)
	}
	if err := old.Verify(t.Context(), db); err != nil {
		t.Error(err)
	}
}

// renamed is a ring whose last key has another ID than its secret is known by.
func renamed(t *testing.T, name string, ids ...string) *keyring.Ring {
	t.Helper()
	var keys []keyring.Key
	for _, id := range ids {
		keys = append(keys, keyring.Key{ID: id, Secret: secret(id[len(id)-1])})
	}
	keys[len(keys)-1].ID = name
	r, err := keyring.New(keys, name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// curve makes both ends of an external caller's ECDH-ES: our private key, and its key pair.
func curve(t *testing.T) (private, public string, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})), key
}

// TestJWEIsUnderstoodByAnotherImplementation holds our dir to jwx, both ways.
func TestJWEIsUnderstoodByAnotherImplementation(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	j, err := keyring.NewJWE([]keyring.JWEKey{keyring.DirectKey("a", key)}, "a")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := j.Encrypt([]byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jwe.Decrypt(sealed, jwe.WithKey(jwa.DIRECT(), key)); err != nil || string(got) != "payload" {
		t.Errorf("jwx reads %q, %v", got, err)
	}
	header := jwe.NewHeaders()
	if err := header.Set(jwe.KeyIDKey, "a"); err != nil {
		t.Fatal(err)
	}
	theirs, err := jwe.Encrypt([]byte("payload"), jwe.WithKey(jwa.DIRECT(), key), jwe.WithContentEncryption(jwa.A256GCM()), jwe.WithProtectedHeaders(header))
	if err != nil {
		t.Fatal(err)
	}
	if got, kid, err := j.Decrypt(theirs); err != nil || string(got) != "payload" || kid != "a" {
		t.Errorf("we read %q of %q, %v", got, kid, err)
	}
}

func TestJWEForExternalCallers(t *testing.T) {
	private, _, ours := curve(t)
	_, recipient, theirs := curve(t)
	j, err := keyring.NewJWE([]keyring.JWEKey{keyring.DirectKey("in", bytes.Repeat([]byte{1}, 32)), {ID: "ext", Algorithm: keyring.ECDHES, Secret: config.NewSecret(private), Recipient: recipient}}, "in")
	if err != nil {
		t.Fatal(err)
	}
	header := jwe.NewHeaders()
	if err := header.Set(jwe.KeyIDKey, "ext"); err != nil {
		t.Fatal(err)
	}
	call, err := jwe.Encrypt([]byte("question"), jwe.WithKey(jwa.ECDH_ES_A256KW(), &ours.PublicKey), jwe.WithContentEncryption(jwa.A256GCM()), jwe.WithProtectedHeaders(header))
	if err != nil {
		t.Fatal(err)
	}
	plain, kid, err := j.Decrypt(call)
	if err != nil || string(plain) != "question" || kid != "ext" {
		t.Fatalf("question %q of %q, %v", plain, kid, err)
	}
	answer, err := j.EncryptFor(kid, []byte("answer"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := jwe.Decrypt(answer, jwe.WithKey(jwa.ECDH_ES_A256KW(), theirs)); err != nil || string(got) != "answer" {
		t.Errorf("the caller reads %q, %v", got, err)
	}
}

func TestJWERotatesAndRefuses(t *testing.T) {
	key := func(id string, b byte) keyring.JWEKey { return keyring.DirectKey(id, bytes.Repeat([]byte{b}, 32)) }
	old, err := keyring.NewJWE([]keyring.JWEKey{key("a", 1)}, "a")
	if err != nil {
		t.Fatal(err)
	}
	both, err := keyring.NewJWE([]keyring.JWEKey{key("a", 1), key("b", 2)}, "b")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := old.Encrypt([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := both.Decrypt(sealed); err != nil {
		t.Errorf("the old key's payload: %v", err)
	}
	fresh, err := both.Encrypt([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	encoded := func(header string) []byte {
		_, rest, _ := bytes.Cut(fresh, []byte{'.'})
		return append([]byte(base64.RawURLEncoding.EncodeToString([]byte(header))+"."), rest...)
	}
	for name, bad := range map[string][]byte{
		"unknown key":      fresh,
		"empty":            nil,
		"four parts":       []byte("a.b.c.d"),
		"compressed":       encoded(`{"alg":"dir","enc":"A256GCM","kid":"a","zip":"DEF"}`),
		"critical":         encoded(`{"alg":"dir","enc":"A256GCM","kid":"a","crit":["exp"]}`),
		"no kid":           encoded(`{"alg":"dir","enc":"A256GCM"}`),
		"password based":   encoded(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","kid":"a","p2c":100000000,"p2s":"AAAA"}`),
		"other encryption": encoded(`{"alg":"dir","enc":"A128CBC-HS256","kid":"a"}`),
		"header altered":   encoded(`{"alg":"dir","enc":"A256GCM","kid":"a","typ":"x"}`),
	} {
		if _, _, err := old.Decrypt(bad); !errors.Is(err, keyring.ErrJWE) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAlteredJWENeverOpens(t *testing.T) {
	j, err := keyring.NewJWE([]keyring.JWEKey{keyring.DirectKey("a", bytes.Repeat([]byte{1}, 32))}, "a")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		sealed, err := j.Encrypt(rapid.SliceOf(rapid.Byte()).Draw(t, "plain"))
		if err != nil {
			t.Fatal(err)
		}
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		other := rapid.SampledFrom([]byte("ABab01-_.=+/\n")).Filter(func(b byte) bool { return b != sealed[at] }).Draw(t, "character")
		altered := bytes.Clone(sealed)
		if rapid.Bool().Draw(t, "insert") {
			altered = slices.Insert(altered, at, other)
		} else {
			altered[at] = other
		}
		if _, _, err := j.Decrypt(altered); !errors.Is(err, keyring.ErrJWE) {
			t.Fatalf("%s instead of %s: %v", altered, sealed, err)
		}
	})
}

func TestJWEKeysAreOfOneCurve(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	_, recipient, _ := curve(t)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if _, err := keyring.NewJWE([]keyring.JWEKey{{ID: "ext", Algorithm: keyring.ECDHES, Secret: config.NewSecret(text), Recipient: recipient}}, "ext"); err == nil {
		t.Error("a key of P-384 was accepted")
	}
}

func BenchmarkJWEDirect(b *testing.B) {
	j, err := keyring.NewJWE([]keyring.JWEKey{keyring.DirectKey("a", bytes.Repeat([]byte{1}, 32))}, "a")
	if err != nil {
		b.Fatal(err)
	}
	plain := bytes.Repeat([]byte("x"), 600)
	for b.Loop() {
		sealed, _ := j.Encrypt(plain)
		if _, _, err := j.Decrypt(sealed); err != nil {
			b.Fatal(err)
		}
	}
}
