package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// An entry is a record as it lies in the journal: a mark, and its fields in a fixed order, numbers
// as varints and texts with their length. Nothing is parsed that is only to be copied on.
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
	decisions, dependencies       string // JSON

	address, detail, keys, request, response string // personal
}

type mark byte

const (
	begun mark = 'B'
	ended mark = 'E'
)

// newEntry is r as it stands.
func newEntry(m mark, r *Record) entry {
	return entry{
		mark: m, id: r.ID, kind: r.Kind, started: r.Started, micros: r.Duration.Microseconds(),
		layer: r.Layer, api: r.API, operation: r.Operation, method: r.Method,
		client: r.Client, system: r.System, channel: r.Channel, correlation: r.Correlation, trace: r.Trace,
		status: int64(r.Status), outcome: r.Outcome, code: r.Code,
		decisions: list(r.Decisions), dependencies: list(r.called()),
		address: r.Address, detail: r.Detail, keys: list(r.Keys), request: string(r.Request), response: string(r.Response),
	}
}

// list is all as JSON, "" where there is none.
func list[T any](all []T) string {
	if len(all) == 0 {
		return ""
	}
	text, err := json.Marshal(all)
	if err != nil { // strings and numbers only: cannot happen
		panic(err)
	}
	return string(text)
}

// texts are the text fields in the journal's order, the public ones first.
func (e *entry) texts() [20]*string {
	return [20]*string{
		&e.id, &e.kind, &e.layer, &e.api, &e.operation, &e.method, &e.client, &e.system, &e.channel,
		&e.correlation, &e.trace, &e.outcome, &e.code, &e.decisions, &e.dependencies,
		&e.address, &e.detail, &e.keys, &e.request, &e.response,
	}
}

const publicTexts = 15

// append appends e's bytes to b.
func (e *entry) append(b []byte) []byte {
	b = append(b, byte(e.mark))
	b = binary.AppendVarint(b, e.started.UnixMicro())
	b = binary.AppendVarint(b, e.micros)
	b = binary.AppendVarint(b, e.status)
	for _, s := range e.texts() {
		b = binary.AppendUvarint(b, uint64(len(*s)))
		b = append(b, *s...)
	}
	return b
}

var errEntry = errors.New("audit: not an entry of the journal")

// parseEntry reads what append wrote.
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
	e.started, e.micros, e.status = time.UnixMicro(numbers[0]).UTC(), numbers[1], numbers[2]
	for _, to := range e.texts() {
		n, size := binary.Uvarint(b)
		if size <= 0 || uint64(len(b)-size) < n {
			return e, errEntry
		}
		*to, b = string(b[size:size+int(n)]), b[size+int(n):]
	}
	return e, nil
}

// linked is an entry in its chain.
type linked struct {
	entry
	day          time.Time // UTC; never before that of the record before it
	sequence     int64
	salt         []byte // nil: erased
	personalHash []byte
	hash         []byte
}

// link appends e to the chain behind the hash previous.
func link(e entry, day time.Time, sequence int64, previous []byte) linked {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	l := linked{entry: e, day: day, sequence: sequence, salt: salt}
	l.personalHash = l.hashPersonal()
	l.hash = l.hashWith(previous)
	return l
}

// hashPersonal is SHA-256(salt ‖ personal fields).
func (l *linked) hashPersonal() []byte {
	texts := l.texts()
	h := make([]byte, 0, 512)
	h = append(h, l.salt...)
	sum := sha256.Sum256(appendTexts(h, texts[publicTexts:]))
	return sum[:]
}

// hashWith is SHA-256(previous ‖ public fields ‖ hash of the personal ones).
func (l *linked) hashWith(previous []byte) []byte {
	texts := l.texts()
	b := make([]byte, 0, 512)
	b = append(b, previous...)
	b = binary.AppendVarint(b, l.sequence)
	b = binary.AppendVarint(b, l.day.Unix())
	b = binary.AppendVarint(b, l.started.UnixMicro())
	b = binary.AppendVarint(b, l.micros)
	b = binary.AppendVarint(b, l.status)
	b = appendTexts(b, texts[:publicTexts])
	sum := sha256.Sum256(append(b, l.personalHash...))
	return sum[:]
}

func appendTexts(b []byte, texts []*string) []byte {
	for _, s := range texts {
		b = binary.AppendUvarint(b, uint64(len(*s)))
		b = append(b, *s...)
	}
	return b
}

// genesis is the hash before the first record of a journal.
func genesis(instance string) []byte {
	sum := sha256.Sum256([]byte("puente audit chain of " + instance))
	return sum[:]
}

func short(hash []byte) string { return hex.EncodeToString(hash[:min(8, len(hash))]) }
