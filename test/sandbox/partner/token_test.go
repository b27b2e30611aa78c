package partner

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	key16 = Key{ID: "k1", Secret: []byte("0123456789abcdef")}
	key32 = Key{ID: "k1", Secret: []byte(strings.Repeat("0123456789abcdef", 2))}
	other = Key{ID: "k0", Secret: []byte("fedcba9876543210")}
)

// The vectors of the partner hub specification, §8.
const (
	ecb4 = "9YBqwdypNtWYck7RNbX1iYXgsI4l13YZHF1oVsZ%2FSkrEwLx0kgb%2BmSniq%2F4pwcC7"
	ecb3 = "9YBqwdypNtWYck7RNbX1iWNxSk26%2BryeFeu2PAs9D90%3D"
	cbc3 = "AAECAwQFBgcICQoLDA0OD50u1IsW8JTqLcNOCv31Wjp3X9EVNLCsuekNSKyy9bGa"
	gcm4 = "v2.k1.AAECAwQFBgcICQoLGNOCTesr5pme60mdQP_jNMU5Nr4fjUK_GOyLhIgVnLSNmy7wNahg5kr8DgoWmc6OX_g"
)

func TestTheSpecificationsTokens(t *testing.T) {
	at := time.UnixMilli(1648000000000).UTC()
	untimed := Claim{MSISDN: "56912345678", ProductID: "1020", TID: "159"}
	timed := untimed
	timed.Time = &at
	for _, c := range []struct {
		name, token string
		keys        Keys
		want        Claim
	}{
		{"ECB, four parts", ecb4, Keys{ECBPKCS5, []Key{key16}}, timed},
		{"ECB, three parts", ecb3, Keys{ECBPKCS5, []Key{key16}}, untimed},
		{"ECB by the second key", ecb4, Keys{ECBPKCS5, []Key{other, key16}}, timed},
		{"ECB, decoded once too often", strings.ReplaceAll(ecb4, "%2B", "%20"), Keys{ECBPKCS5, []Key{key16}}, timed},
		{"CBC", cbc3, Keys{CBCPKCS5IV, []Key{key16}}, untimed},
		{"GCM", gcm4, Keys{GCM, []Key{key32}}, timed},
	} {
		token, err := url.QueryUnescape(c.token)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.keys.read("52272", token); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestTokensThatCannotBeRead(t *testing.T) {
	ecb, _ := url.QueryUnescape(ecb4)
	for _, c := range []struct {
		name, partner, token string
		keys                 Keys
	}{
		{"ECB by another key", "52272", ecb, Keys{ECBPKCS5, []Key{other}}},
		{"ECB without keys", "52272", ecb, Keys{Scheme: ECBPKCS5}},
		{"no Base64", "52272", "!", Keys{ECBPKCS5, []Key{key16}}},
		{"no whole block", "52272", ecb[:40], Keys{ECBPKCS5, []Key{key16}}},
		{"the padding's block is missing", "52272", ecb[:43] + "=", Keys{ECBPKCS5, []Key{key16}}},
		{"CBC of nothing but the IV", "52272", cbc3[:21] + "w==", Keys{CBCPKCS5IV, []Key{key16}}},
		{"GCM of another partner", "60001", gcm4, Keys{GCM, []Key{key32}}},
		{"GCM by a key of another name", "52272", gcm4, Keys{GCM, []Key{{ID: "k2", Secret: key32.Secret}}}},
		{"GCM, a bit off", "52272", strings.Replace(gcm4, "GNOC", "GNOD", 1), Keys{GCM, []Key{key32}}},
		{"GCM, short", "52272", "v2.k1.AAEC", Keys{GCM, []Key{key32}}},
		{"GCM where ECB is due", "52272", gcm4, Keys{ECBPKCS5, []Key{key16}}},
	} {
		if got, err := c.keys.read(c.partner, c.token); err == nil {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	for _, plain := range []string{"", "a#b", "a#b#c#d", "a#b#c#1#2"} {
		if got, err := claim(plain); err == nil {
			t.Errorf("%q: %+v", plain, got)
		}
	}
}
