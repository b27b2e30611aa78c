package apitest

import (
	"context"
	_ "embed"
	"net/http"
	"strings"
	"testing"

	"puente/shared/hop"
	"puente/shared/httpclient"
	"puente/shared/server"
)

//go:embed testdata/greeting.yaml
var greetingSpec []byte

var greetings = hop.Contract{Layer: "sapi", Name: "greetings", Spec: greetingSpec}

type name struct {
	Name string `json:"name"`
}

type greeting struct {
	Text string `json:"text"`
}

// greeter is an API that asks a phrase book, once for each letter "?" in the name, and then for something
// louder, once for each "!".
var greeter = server.API{Contract: &greetings, Mount: func(env *server.Env) error {
	var cfg struct {
		HTTP httpclient.Config `yaml:"http"`
	}
	if err := env.Config(&cfg); err != nil {
		return err
	}
	book := env.External("book", cfg.HTTP)
	look := book.Operation("look", httpclient.Safe)
	server.Handle(env, hop.Operation[name, greeting]{Contract: &greetings, ID: "greet"}, func(ctx context.Context, in name) (greeting, error) {
		text := "hello " + in.Name
		for i := range strings.Count(in.Name, "?") + strings.Count(in.Name, "!") {
			path := "/phrase"
			if i >= strings.Count(in.Name, "?") {
				path = "/louder"
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, book.URL()+path, http.NoBody)
			if err != nil {
				return greeting{}, err
			}
			resp, err := look.RoundTrip(req)
			if err != nil {
				return greeting{}, err
			}
			phrase, err := httpclient.ReadAll(resp)
			if err != nil {
				return greeting{}, err
			}
			text = string(phrase)
		}
		return greeting{text}, nil
	})
	return nil
}}

// A player that lets something pass would make every conversation worthless.
func TestPlayerFindsWhatGoesOtherwise(t *testing.T) {
	o := options{settings: map[string]any{}}
	Backend("book", "sapi.greetings.http.url")(&o)
	p := start(t, greeter, o)
	const ask = "-- request --\nPOST /greetings\n\n{\"name\": \"a?\"}\n"
	const book = "-- book request --\nGET /phrase\n-- book response --\n200 OK\n\nhola\n"
	const loud, and, louder = "-- request --\nPOST /greetings\n\n{\"name\": \"a?!\"}\n", "-- and ", "-- book request --\nGET /louder\n-- book response --\n200 OK\n\nhola\n"
	const hola = "-- response --\n200 OK\n\n{\"text\": \"hola\"}\n"
	for title, c := range map[string]struct{ text, want string }{
		"as it goes":                 {ask + book + hola, ""},
		"two exchanges":              {ask + book + hola + ask + book + hola, ""},
		"a call that is not made":    {"-- request --\nPOST /greetings\n\n{\"name\": \"a\"}\n" + book + "-- response --\n200 OK\n\n{\"text\": \"hello a\"}\n", "book was not called"},
		"a call too many":            {ask + "-- response --\n500 Internal Server Error\n", "book was called once too often"},
		"two calls of which one":     {"-- request --\nPOST /greetings\n\n{\"name\": \"a??\"}\n" + book + hola, "book was called once too often"},
		"another target":             {ask + strings.ReplaceAll(book, "book", "shop") + hola, "book was called, want shop"},
		"another path":               {ask + strings.Replace(book, "/phrase", "/phrases", 1) + hola, "start: differs"},
		"a header that is not sent":  {ask + strings.Replace(book, "/phrase\n", "/phrase\nX-Missing: 1\n", 1) + hola, "header X-Missing: 0 values"},
		"a body that is not sent":    {ask + strings.Replace(book, "/phrase\n", "/phrase\n\n{}\n", 1) + hola, "body: differs"},
		"at once, in its order":      {loud + book + and + louder[3:] + hola, ""},
		"at once, in another":        {loud + louder + and + book[3:] + hola, ""},
		"not at once":                {loud + louder + book + hola, "want GET /louder"},
		"at once and after":          {loud + louder + and + book[3:] + louder + hola, "book was not called"},
		"another answer":             {ask + book + strings.Replace(hola, "hola", "adiós", 1), "body: differs"},
		"another status":             {ask + book + strings.Replace(hola, "200 OK", "201 Created", 1), "start: differs"},
		"an answer off the contract": {ask + strings.Replace(book, "hola", "a phrase that is too long", 1) + strings.Replace(hola, "hola", "a phrase that is too long", 1), "contract: greet 200"},
		"while the book waits":       {ask + "-- book request --\nGET /phrase\n" + ask + book + hola + "-- book response --\n200 OK\n\nhola\n" + hola, ""},
		"a failure while it waits":   {ask + "-- book request --\nGET /phrase\n" + ask + book + strings.Replace(hola, "hola", "ahoy", 1) + "-- book response --\n200 OK\n\nhola\n" + hola, "body: differs"},
		"a statement that is none":   {"-- sql --\nSELEC 1\n" + ask + book + hola, "syntax error"},
		"a statement without effect": {"-- sql --\nSELECT 1 WHERE false\n" + ask + book + hola, "changed nothing"},
		"unsigned":                   {strings.Replace(ask, "/greetings\n", "/greetings\nAuthorization:\n", 1) + "-- response --\n401 Unauthorized\n\n{{problem:.*unauthenticated.*}}\n", ""},
	} {
		t.Run(title, func(t *testing.T) {
			conversation, err := parse("f.txtar", []byte("# "+title+"\n"+c.text))
			if err != nil {
				t.Fatal(err)
			}
			err = p.play(t.Context(), conversation)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}
