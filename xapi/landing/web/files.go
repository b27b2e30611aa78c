package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
)

// static holds htmx.js, which is htmx 2.0.8 (htmx.org, Zero-Clause BSD: static/htmx.LICENSE), unchanged.
//
//go:embed static/style.css static/htmx.js static/landing.js
var static embed.FS

// file is one that pages load, made ready once.
type file struct {
	body, gzipped []byte
	hash          string
}

var files = map[string]file{
	"htmx.js":    load("static/htmx.js"),
	"landing.js": load("static/landing.js"),
}

// File is what /landing/{name} serves, plain and compressed.
func File(name string) (body, gzipped []byte, mediaType string, ok bool) {
	f, ok := files[name]
	return f.body, f.gzipped, "text/javascript; charset=utf-8", ok
}

// FileURL is where a page finds a file of File. The hash in it lets browsers keep the file for good.
func FileURL(name string) string { return "/landing/" + name + "?v=" + files[name].hash }

func load(name string) file {
	body, err := static.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return file{body, compress(body), hash(body)}
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is one
	}
	w.Write(body) // into memory: nothing fails
	w.Close()
	return b.Bytes()
}

// hash is enough of SHA-256 to tell versions apart.
func hash(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
