package partner

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"puente/shared/problem"
)

// Keys are what a partner holds to read the tokens that browsers bring: partner hub specification §8. This
// package reads them by that text alone, and so is a second opinion of what the hub writes.
type Keys struct {
	Scheme Scheme `json:"scheme"`
	Keys   []Key  `json:"keys"` // two while one takes the other's place
}

// Scheme is how a partner's tokens are made.
type Scheme string

// The schemes.
const (
	GCM        Scheme = "gcm"
	ECBPKCS5   Scheme = "ecb-pkcs5"
	CBCPKCS5IV Scheme = "cbc-pkcs5-iv"
)

// Key is one key of AES.
type Key struct {
	ID     string `json:"id"`
	Secret []byte `json:"secret"` // in JSON as Base64
}

// Claim is what a token says.
type Claim struct {
	MSISDN    string     `json:"msisdn"`
	ProductID string     `json:"productId"`
	TID       string     `json:"tid"`
	Time      *time.Time `json:"time,omitempty"`
}

var errToken = errors.New("the token is not one that these keys read")

func (k Keys) validate() error {
	if !slices.Contains([]Scheme{GCM, ECBPKCS5, CBCPKCS5IV}, k.Scheme) {
		return errors.New("scheme: must be gcm, ecb-pkcs5 or cbc-pkcs5-iv")
	}
	for _, key := range k.Keys {
		if _, err := aes.NewCipher(key.Secret); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
	}
	return nil
}

// read is what a token of the partner's says, by whichever key it was made with.
func (k Keys) read(partner, token string) (Claim, error) {
	for _, key := range k.Keys {
		block, err := aes.NewCipher(key.Secret)
		if err != nil {
			return Claim{}, err
		}
		plain, err := open(k.Scheme, block, key.ID, partner, token)
		if err != nil {
			continue
		}
		if c, err := claim(string(plain)); err == nil {
			return c, nil
		}
	}
	return Claim{}, errToken
}

func open(scheme Scheme, block cipher.Block, id, partner, token string) ([]byte, error) {
	if scheme == GCM {
		return openGCM(block, id, partner, token)
	}
	// Who decodes a query twice has made spaces of pluses.
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(token, " ", "+"))
	if err != nil || len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, errToken
	}
	if scheme == CBCPKCS5IV {
		plain := data[aes.BlockSize:]
		cipher.NewCBCDecrypter(block, data[:aes.BlockSize]).CryptBlocks(plain, plain)
		return unpad(plain)
	}
	for i := 0; i < len(data); i += aes.BlockSize { // ECB: each block by itself
		block.Decrypt(data[i:], data[i:])
	}
	return unpad(data)
}

// openGCM takes v2.<id>.<nonce, text and tag>.
func openGCM(block cipher.Block, id, partner, token string) ([]byte, error) {
	sealed, ok := strings.CutPrefix(token, "v2."+id+".")
	if !ok {
		return nil, errToken
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errToken
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(data) < gcm.NonceSize() {
		return nil, errToken
	}
	return gcm.Open(nil, data[:gcm.NonceSize()], data[gcm.NonceSize():], []byte("ph-token-v2|"+partner))
}

// unpad takes PKCS #5's padding off: as many bytes of a value as the value says.
func unpad(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, errToken
	}
	n := int(data[len(data)-1])
	if n == 0 || n > aes.BlockSize || n > len(data) {
		return nil, errToken
	}
	for _, b := range data[len(data)-n:] {
		if int(b) != n {
			return nil, errToken
		}
	}
	return data[:len(data)-n], nil
}

// claim is msisdn#productId#tid, with or without #milliseconds.
func claim(plain string) (Claim, error) {
	parts := strings.Split(plain, "#")
	if len(parts) != 3 && len(parts) != 4 {
		return Claim{}, errToken
	}
	c := Claim{MSISDN: parts[0], ProductID: parts[1], TID: parts[2]}
	if len(parts) == 4 {
		ms, err := strconv.ParseInt(parts[3], 10, 64)
		if err != nil {
			return Claim{}, errToken
		}
		at := time.UnixMilli(ms).UTC()
		c.Time = &at
	}
	return c, nil
}

// Hold gives a partner its keys; they outlive a Reset.
func (s *Service) Hold(partner string, k Keys) error {
	if err := k.validate(); err != nil {
		return fmt.Errorf("partner: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[partner] = k
	return nil
}

func (s *Service) postKeys(w http.ResponseWriter, r *http.Request) {
	var in Keys
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&in)
	if err == nil {
		err = s.Hold(r.PathValue("partner"), in)
	}
	if err != nil {
		refuse(w, &problem.Error{Kind: problem.Invalid, Detail: `must be {"scheme":"gcm","keys":[{"id":"k1","secret":"<Base64>"}]}: ` + err.Error()})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
