package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"puente/shared/config"
)

// file is the ring of a machine that configures none: {"active": "…", "keys": {"…": "base64"}},
// the first key first.
type file struct {
	Active string    `json:"active"`
	Keys   []fileKey `json:"keys"`
}

type fileKey struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// LoadOrCreate reads the ring from a file that only its owner may read, and makes both where there
// is no file. A file that cannot be understood is an error, for what it sealed would be lost; so is
// one that others may read.
func LoadOrCreate(name string) (*Ring, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(name); err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	if info, err := os.Stat(name); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	} else if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("keyring: %s is open to others than its owner: chmod 600 it, and replace its keys if others may have read them", name)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("keyring: %s is not a key ring", name)
	}
	keys := make([]Key, len(f.Keys))
	for i, k := range f.Keys {
		keys[i] = Key{ID: k.ID, Secret: config.NewSecret(k.Secret)}
	}
	return New(keys, f.Active)
}

// create writes a new ring whole or not at all; of two processes that do, one wins.
func create(name string) error {
	text, err := json.Marshal(file{Active: "k1", Keys: []fileKey{{"k1", newSecret()}}})
	if err != nil {
		return err
	}
	folder := filepath.Dir(name)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := syncFolder(filepath.Dir(folder)); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(folder, ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(folder)
}

// syncFolder makes the name last: the database soon holds what only this file opens.
func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func newSecret() string {
	var b [keySize]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.StdEncoding.EncodeToString(b[:])
}

// Ephemeral is a ring that nobody else will ever have, for what does not outlive the process.
func Ephemeral() (*Ring, error) {
	return New([]Key{{ID: "k1", Secret: config.NewSecret(newSecret())}}, "k1")
}
