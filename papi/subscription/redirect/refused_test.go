package redirect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestRefused(t *testing.T) {
	seal := func(p Profile, plain string) string {
		t.Helper()
		token, err := tokens(t, p).sealer.seal([]byte(plain), counting())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	foreign := profile(GCM, false)
	foreign.Partner = 2272
	good, _ := tokens(t, profile(GCM, false)).Seal(sample)
	ecb4, _ := tokens(t, profile(ECB, false)).Seal(sample)
	ecb3, _ := tokens(t, profile(ECB, true)).Seal(untimed)
	for name, test := range map[string]struct {
		p     Profile
		token string
	}{
		"empty":                    {profile(GCM, false), ""},
		"another partner's":        {foreign, good},
		"key id unknown":           {profile(GCM, false), strings.Replace(good, "k1", "k9", 1)},
		"version":                  {profile(GCM, false), strings.Replace(good, "v2", "v1", 1)},
		"line break":               {profile(GCM, false), good + "\n"},
		"cut":                      {profile(GCM, false), good[:20]},
		"too long":                 {profile(ECB, false), strings.Repeat("A", 1024)},
		"ecb where gcm is set":     {profile(GCM, false), ecb4},
		"ecb of another key":       {profile(ECB, false, Key{"k", other16}), ecb4},
		"three parts for four":     {profile(ECB, false), ecb3},
		"four parts for three":     {profile(ECB, true), ecb4},
		"five parts":               {profile(ECB, false), seal(profile(ECB, false), "56912345678#1020#a#b#1648000000000")},
		"a line of no country":     {profile(ECB, true), seal(profile(ECB, true), "560000000000#1020#159")},
		"product with a zero":      {profile(ECB, true), seal(profile(ECB, true), "56912345678#01020#159")},
		"product 0":                {profile(ECB, true), seal(profile(ECB, true), "56912345678#0#159")},
		"product with a sign":      {profile(ECB, true), seal(profile(ECB, true), "56912345678#+1020#159")},
		"tid of other letters":     {profile(ECB, true), seal(profile(ECB, true), "56912345678#1020#a b")},
		"time that is none":        {profile(CBC, false), seal(profile(CBC, false), "56912345678#1020#159#now")},
		"time with a zero":         {profile(CBC, false), seal(profile(CBC, false), "56912345678#1020#159#01648000000000")},
		"no whole block":           {profile(CBC, false), "AAECAwQFBgcICQoLDA0OD50u1A=="},
		"iv alone":                 {profile(CBC, false), "AAECAwQFBgcICQoLDA0ODw=="},
		"stray bits at the end":    {profile(ECB, true), strings.Replace(ecb3, "90=", "91=", 1)},
		"line break inside Base64": {profile(ECB, true), ecb3[:8] + "\n" + ecb3[8:]},
	} {
		if c, err := tokens(t, test.p).Open(test.token, sealed); err != ErrInvalid || c != (Claims{}) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// The weaknesses that the comments warn of, so that nobody takes the schemes for more than they are.
func TestWhatTheCompatibleSchemesDoNotDo(t *testing.T) {
	e := tokens(t, profile(ECB, true))
	one, _ := e.Seal(untimed)
	two, _ := e.Seal(Claims{MSISDN: untimed.MSISDN, ProductID: 1020, TID: "another"})
	if one[:16] != two[:16] {
		t.Error("ecb: the first blocks of one user's tokens differ")
	}
	c := tokens(t, profile(CBC, true))
	token, _ := c.Seal(untimed)
	raw, _ := base64.StdEncoding.DecodeString(token)
	raw[10] ^= '8' ^ '9' // the last digit, through the IV
	if got, err := c.Open(base64.StdEncoding.EncodeToString(raw), sealed); err != nil || got.MSISDN != "56912345679" {
		t.Errorf("cbc: %v, %v", got, err)
	}
}

func TestPaddingIsWholeOrNone(t *testing.T) {
	block := func(tail ...byte) []byte { return append(make([]byte, 16-len(tail), 16), tail...) }
	for _, test := range []struct {
		data []byte
		left int
	}{
		{block(1), 15}, {block(2, 2), 14}, {bytes.Repeat([]byte{16}, 16), 0}, {block(3, 2, 2), 14},
		{block(0), 0}, {block(17), 0}, {block(255), 0}, {block(1, 2), 0}, {block(4, 3, 3, 3), 13}, {block(3, 2, 3), 0},
	} {
		if got := unpad(test.data); len(got) != test.left {
			t.Errorf("%v: %d bytes left", test.data, len(got))
		}
	}
}

func TestAKeyIsNotPrinted(t *testing.T) {
	p := profile(GCM, false)
	text, err := json.Marshal(p.Keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{string(text), fmt.Sprint(p), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p)} {
		for _, form := range []string{string(key32), fmt.Sprint(key32[:4])[1:11], fmt.Sprintf("%#v", key32[:4])[7:20], base64.StdEncoding.EncodeToString(key32)} {
			if strings.Contains(printed, form) {
				t.Errorf("%s holds the secret", printed)
			}
		}
	}
}
