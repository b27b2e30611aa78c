package redirect

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"io"
)

// ecb is AES/ECB/PKCS5Padding in Base64, what Java does where it is asked for "AES".
//
// It exists for partners that were integrated with the hub's predecessor and decrypt with that, and for nobody
// else. WARNING: it authenticates nothing and hides little. Equal blocks look equal: the first holds the MSISDN,
// so everybody on the way sees that two tokens are of one user. Blocks can be put together anew: the end of one
// token on the beginning of another is a token. Hence it is timed unless the partner cannot, short-lived, no
// proof of anything, and the acceptance matrix warns of it. ECB is not in crypto/cipher, for these reasons.
type ecb []cipher.Block

func newECB(keys []Key) (ecb, error) { return blocks(keys) }

func (e ecb) seal(plain []byte, _ io.Reader) (string, error) {
	data := pad(plain)
	for i := 0; i < len(data); i += aes.BlockSize {
		e[0].Encrypt(data[i:], data[i:])
	}
	return strictStd.EncodeToString(data), nil
}

func (e ecb) open(token string) [][]byte {
	sealed, ok := decode(strictStd, token)
	if !ok || len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return nil
	}
	return each(e, func(key cipher.Block) []byte {
		data := make([]byte, len(sealed))
		for i := 0; i < len(data); i += aes.BlockSize {
			key.Decrypt(data[i:], sealed[i:i+aes.BlockSize])
		}
		return data
	})
}

// cbc is AES/CBC/PKCS5Padding with a random IV in front, in Base64, for partners that ask for it. WARNING: like
// ecb it authenticates nothing. It hides which tokens are of one user, but a bit that is flipped in the IV flips
// the same bit of the MSISDN, unseen.
type cbc []cipher.Block

func newCBC(keys []Key) (cbc, error) { return blocks(keys) }

func (c cbc) seal(plain []byte, random io.Reader) (string, error) {
	iv := make([]byte, aes.BlockSize)
	if _, err := io.ReadFull(random, iv); err != nil {
		return "", err
	}
	data := pad(plain)
	cipher.NewCBCEncrypter(c[0], iv).CryptBlocks(data, data)
	return strictStd.EncodeToString(append(iv, data...)), nil
}

func (c cbc) open(token string) [][]byte {
	sealed, ok := decode(strictStd, token)
	if !ok || len(sealed) < 2*aes.BlockSize || len(sealed)%aes.BlockSize != 0 {
		return nil
	}
	return each(c, func(key cipher.Block) []byte {
		data := make([]byte, len(sealed)-aes.BlockSize)
		cipher.NewCBCDecrypter(key, sealed[:aes.BlockSize]).CryptBlocks(data, sealed[aes.BlockSize:])
		return data
	})
}

func blocks(keys []Key) ([]cipher.Block, error) {
	out := make([]cipher.Block, len(keys))
	for i, k := range keys {
		var err error
		if out[i], err = aes.NewCipher(k.Secret); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// each decrypts under every key, for nothing in the token says which it was. A wrong key gives noise, which one
// time in 256 ends like a padding; that it is no token is then seen in its parts, and looks the same from outside.
func each(keys []cipher.Block, decrypt func(cipher.Block) []byte) [][]byte {
	out := make([][]byte, len(keys))
	for i, key := range keys {
		out[i] = unpad(decrypt(key))
	}
	return out
}

// pad appends PKCS #5 padding (RFC 8018 §6.2, of blocks of 16 bytes here): n bytes of value n, never none.
func pad(plain []byte) []byte {
	n := aes.BlockSize - len(plain)%aes.BlockSize
	out := append(make([]byte, 0, len(plain)+n), plain...)
	for range n {
		out = append(out, byte(n))
	}
	return out
}

// unpad takes the padding off. It looks at the whole last block in every case, and where the padding is wrong
// it leaves a text of no parts: a wrong padding goes the same way as a wrong text.
func unpad(data []byte) []byte {
	n := int(data[len(data)-1])
	good := subtle.ConstantTimeLessOrEq(1, n) & subtle.ConstantTimeLessOrEq(n, aes.BlockSize)
	for i := range aes.BlockSize {
		inside := subtle.ConstantTimeLessOrEq(i+1, n)
		same := subtle.ConstantTimeByteEq(data[len(data)-1-i], byte(n))
		good &= subtle.ConstantTimeSelect(inside, same, 1)
	}
	return data[:subtle.ConstantTimeSelect(good, len(data)-n, 0)]
}
