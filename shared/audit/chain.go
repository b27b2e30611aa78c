package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// linked is an entry in its chain.
type linked struct {
	entry
	instance     string
	day          time.Time // UTC; never before that of the record before it
	sequence     int64     // from 1, without gaps
	salt         []byte    // nil: erased
	personalHash []byte
	previous     []byte // hash of the record before
	hash         []byte
	indexed      *string    // column phone
	erased       *time.Time // when the personal fields were erased
}

const saltBytes = 16

// link makes entries the continuation of a chain that ends at sequence and hash, in room if they fit.
func link(room []linked, instance string, day time.Time, sequence int64, hash []byte, entries []entry) []linked {
	salts := make([]byte, saltBytes*len(entries))
	_, _ = rand.Read(salts) // never fails (crypto/rand)
	sums := make([]byte, 0, 2*sha256.Size*len(entries))
	rows := slices.Grow(room[:0], len(entries))[:len(entries)]
	for i := range rows {
		row := &rows[i]
		*row = linked{
			entry: entries[i], instance: instance, day: day, sequence: sequence + int64(i) + 1,
			salt: salts[i*saltBytes:][:saltBytes:saltBytes], previous: hash, indexed: entries[i].phone(),
		}
		sums = row.appendPersonalSum(sums)
		row.personalHash = sums[len(sums)-sha256.Size:]
		sums = row.appendSum(sums)
		hash = sums[len(sums)-sha256.Size:]
		row.hash = hash
	}
	return rows
}

// appendPersonalSum appends SHA-256(salt ‖ personal fields).
func (l *linked) appendPersonalSum(to []byte) []byte {
	texts := l.texts()
	sum := sha256.Sum256(appendTexts(append(make([]byte, 0, 4096), l.salt...), texts[publicTexts:]))
	return append(to, sum[:]...)
}

// appendSum appends SHA-256(previous ‖ public fields ‖ hash of the personal ones).
func (l *linked) appendSum(to []byte) []byte {
	texts := l.texts()
	b := append(make([]byte, 0, 2048), l.previous...)
	b = binary.AppendVarint(b, l.sequence)
	b = binary.AppendVarint(b, l.day.Unix())
	b = binary.AppendVarint(b, l.started.UnixMicro())
	b = binary.AppendVarint(b, l.micros)
	b = binary.AppendVarint(b, l.status)
	b = appendTexts(b, texts[:publicTexts])
	sum := sha256.Sum256(append(b, l.personalHash...))
	return append(to, sum[:]...)
}

// appendTexts appends each text behind its length, so that nothing can move from one to the next.
func appendTexts(b []byte, texts []*string) []byte {
	for _, s := range texts {
		b = binary.AppendUvarint(b, uint64(len(*s)))
		b = append(b, *s...)
	}
	return b
}

// genesis is the hash before the first record of an instance.
func genesis(instance string) []byte {
	sum := sha256.Sum256([]byte("puente audit chain of " + instance))
	return sum[:]
}
