package audit

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
)

// columns of a record, in the order of appendRow and scan.
var columns = []string{
	"day", "instance", "sequence", "id", "kind", "started", "micros", "layer", "api", "operation", "method",
	"client", "system", "channel", "correlation", "trace", "status", "outcome", "code", "decisions", "dependencies",
	"salt", "address", "detail", "keys", "phone", "request", "response", "personal_hash", "previous", "hash",
}

var copyStatement = "copy audit.records (" + strings.Join(columns, ", ") + ") from stdin binary"

// copyRows adds rows by COPY in its binary form, which is written here: pgx's CopyFrom looks at every
// value by reflection and was half of what loading a record cost this process.
func copyRows(ctx context.Context, tx pgx.Tx, rows []linked) error {
	_, err := tx.Conn().PgConn().CopyFrom(ctx, &copied{rows: rows, left: copyHead}, copyStatement)
	if err != nil {
		return fmt.Errorf("copy records %d to %d: %w", rows[0].sequence, rows[len(rows)-1].sequence, err)
	}
	return nil
}

// What stands before and behind the rows: signature, flags and length of nothing more; no more rows.
var (
	copyHead = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copyTail = []byte{0xff, 0xff}
)

// copied reads as the rows do in COPY.
type copied struct {
	rows   []linked
	row    []byte // room for one
	left   []byte // what of the head, of a row or of the tail is still to be read
	tailed bool
}

// Read implements io.Reader: it fills p as far as there is something.
func (c *copied) Read(p []byte) (n int, err error) {
	for {
		m := copy(p[n:], c.left)
		n, c.left = n+m, c.left[m:]
		switch {
		case n == len(p):
			return n, nil
		case len(c.rows) > 0:
			c.row = c.rows[0].appendRow(c.row[:0])
			c.left, c.rows = c.row, c.rows[1:]
		case !c.tailed:
			c.left, c.tailed = copyTail, true
		default:
			return n, io.EOF
		}
	}
}

// From 1970 to 2000, where PostgreSQL begins to count.
const (
	postgresSeconds = 946_684_800
	daySeconds      = 24 * 60 * 60
)

func (l *linked) appendRow(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(columns)))
	b = binary.BigEndian.AppendUint32(b, 4)
	b = binary.BigEndian.AppendUint32(b, uint32((l.day.Unix()-postgresSeconds)/daySeconds))
	b = appendField(b, l.instance)
	b = appendNumber(b, l.sequence)
	b = appendField(b, l.id)
	b = appendField(b, l.kind)
	b = appendNumber(b, l.started.UnixMicro()-postgresSeconds*1_000_000)
	b = appendNumber(b, l.micros)
	for _, s := range [...]string{l.layer, l.api, l.operation, l.method, l.client, l.system, l.channel, l.correlation, l.trace} {
		b = appendField(b, s)
	}
	b = appendNumber(b, l.status)
	for _, s := range [...]string{l.outcome, l.code, l.decisions, l.dependencies} {
		b = appendField(b, s)
	}
	b = appendField(b, l.salt)
	for _, s := range [...]string{l.address, l.detail, l.keys} {
		b = appendField(b, s)
	}
	if l.indexed == nil {
		b = binary.BigEndian.AppendUint32(b, math.MaxUint32) // null
	} else {
		b = appendField(b, *l.indexed)
	}
	b = appendField(b, l.request)
	b = appendField(b, l.response)
	b = appendField(b, l.personalHash)
	b = appendField(b, l.previous)
	return appendField(b, l.hash)
}

func appendField[T string | []byte](b []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func appendNumber(b []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, 8), uint64(n))
}
