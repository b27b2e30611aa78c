package audit

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// An entry is a record as it lies in the journal: a mark, three numbers as varints, and the texts in
// the order of texts, each behind its length in 4 bytes, little endian. A new form gets new marks,
// for a process may find what its predecessor wrote.
type entry struct {
	mark mark

	id, kind                      string
	started                       time.Time
	micros                        int64
	layer, api, operation, method string
	client, system, channel       string
	correlation, trace            string
	status                        int64
	outcome, code                 string
	decisions, dependencies       string // JSON or ""

	address, detail, keys, request, response string // personal
}

type mark byte

const (
	begun mark = 'B'
	ended mark = 'E'
)

// texts are the text fields in the journal's order, the public ones first.
func (e *entry) texts() [20]*string {
	return [20]*string{
		&e.id, &e.kind, &e.layer, &e.api, &e.operation, &e.method, &e.client, &e.system, &e.channel,
		&e.correlation, &e.trace, &e.outcome, &e.code, &e.decisions, &e.dependencies,
		&e.address, &e.detail, &e.keys, &e.request, &e.response,
	}
}

const publicTexts = 15

// appendEntry appends r as it stands. It is on the way of every request: no allocation, no reflection.
func appendEntry(b []byte, m mark, r *Record) []byte {
	b = append(b, byte(m))
	b = binary.AppendVarint(b, r.Started.UnixMicro())
	b = binary.AppendVarint(b, r.Duration.Microseconds())
	b = binary.AppendVarint(b, int64(r.Status))
	for _, s := range [...]string{
		r.ID, r.Kind, r.Layer, r.API, r.Operation, r.Method, r.Client, r.System, r.Channel,
		r.Correlation, r.Trace, r.Outcome, r.Code,
	} {
		b = appendText(b, s)
	}
	b = appendList(b, r.Decisions)
	r.mu.Lock()
	b = appendList(b, r.dependencies)
	r.mu.Unlock()
	b = appendText(b, r.Address)
	b = appendText(b, r.Detail)
	b = appendList(b, r.Keys)
	b = appendText(b, r.Request)
	return appendText(b, r.Response)
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// appendList appends all as a JSON array, or as an empty text where there is none.
func appendList[T interface{ appendJSON([]byte) []byte }](b []byte, all []T) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	for i, item := range all {
		if i == 0 {
			b = append(b, '[')
		} else {
			b = append(b, ',')
		}
		b = item.appendJSON(b)
	}
	if len(all) > 0 {
		b = append(b, ']')
	}
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

func (d Decision) appendJSON(b []byte) []byte {
	b = quoted(append(b, `{"policy":`...), d.Policy)
	b = quoted(append(b, `,"verdict":`...), d.Verdict)
	if d.Detail != "" {
		b = quoted(append(b, `,"detail":`...), d.Detail)
	}
	return append(b, '}')
}

func (d Dependency) appendJSON(b []byte) []byte {
	b = quoted(append(b, `{"target":`...), d.Target)
	b = quoted(append(b, `,"operation":`...), d.Operation)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(d.Status), 10)
	if d.Error != "" {
		b = quoted(append(b, `,"error":`...), d.Error)
	}
	b = strconv.AppendInt(append(b, `,"micros":`...), d.Micros, 10)
	b = strconv.AppendInt(append(b, `,"attempts":`...), int64(d.Attempts), 10)
	return append(b, '}')
}

func (k KeyValue) appendJSON(b []byte) []byte {
	b = quoted(append(b, `{"key":`...), k.Key)
	b = quoted(append(b, `,"value":`...), k.Value)
	return append(b, '}')
}

func quoted(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // what is no UTF-8 is replaced, which is all that the error says
	return b
}

var errEntry = errors.New("not an entry")

// beginning is the ID of a whole entry that marks a beginning.
func beginning(b []byte) (id string, ok bool) {
	if len(b) == 0 || b[0] != byte(begun) {
		return "", false
	}
	b = b[1:]
	for range 3 {
		_, size := binary.Varint(b)
		if size <= 0 {
			return "", false
		}
		b = b[size:]
	}
	if len(b) < 4 || uint64(len(b)-4) < uint64(binary.LittleEndian.Uint32(b)) {
		return "", false
	}
	return short(textual(string(b[4 : 4+binary.LittleEndian.Uint32(b)]))), true
}

// parseEntry reads what appendEntry wrote, and makes of its texts what a text column takes.
func parseEntry(b []byte) (e entry, err error) {
	if len(b) == 0 || b[0] != byte(begun) && b[0] != byte(ended) {
		return e, errEntry
	}
	e.mark, b = mark(b[0]), b[1:]
	var numbers [3]int64
	for i := range numbers {
		n, size := binary.Varint(b)
		if size <= 0 {
			return e, errEntry
		}
		numbers[i], b = n, b[size:]
	}
	e.started, e.micros, e.status = instant(numbers[0]), numbers[1], numbers[2]
	rest := string(b) // one copy, of which all texts are parts
	for i, to := range e.texts() {
		if len(rest) < 4 {
			return e, errEntry
		}
		n := binary.LittleEndian.Uint32([]byte(rest[:4]))
		if uint64(len(rest)-4) < uint64(n) {
			return e, errEntry
		}
		*to, rest = rest[4:4+n], rest[4+n:]
		*to = textual(*to)
		if i < publicTexts && to != &e.decisions && to != &e.dependencies {
			*to = short(*to)
		}
	}
	return e, nil
}

// The days that PostgreSQL, and people, can do something with.
var (
	earliest = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

func instant(micros int64) time.Time {
	t := time.UnixMicro(micros).UTC()
	if t.Before(earliest) {
		return earliest
	}
	if t.After(latest) {
		return latest
	}
	return t
}

// textual is s as a text column takes it: UTF-8 without NUL.
func textual(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// shortBytes is well below what an index of PostgreSQL takes, a third of a page.
const shortBytes = 500

// short cuts s between two characters.
func short(s string) string {
	if len(s) <= shortBytes {
		return s
	}
	cut := shortBytes
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}

// phone is the masked telephone number among the keys, or nil.
func (e *entry) phone() *string {
	if !strings.Contains(e.keys, PhoneKey) && strings.IndexByte(e.keys, '\\') < 0 {
		return nil
	}
	// As appendJSON writes it. Without a backslash no value has a quotation mark: the rest is structure.
	if _, rest, ok := strings.Cut(e.keys, `{"key":"`+PhoneKey+`","value":"`); ok && strings.IndexByte(e.keys, '\\') < 0 {
		number, _, _ := strings.Cut(rest, `"`)
		number = short(textual(number))
		return &number
	}
	var keys []KeyValue
	if json.Unmarshal([]byte(e.keys), &keys) != nil {
		return nil
	}
	for _, k := range keys {
		if k.Key == PhoneKey {
			number := short(textual(k.Value))
			return &number
		}
	}
	return nil
}
