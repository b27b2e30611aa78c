package database

import (
	"context"
	"encoding/binary"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// encodeBlobs has a connection encode [][]byte, the keys and bodies of a Writer's group, by blobs.
func encodeBlobs(_ context.Context, conn *pgx.Conn) error {
	types := conn.TypeMap()
	bytea, _ := types.TypeForOID(pgtype.ByteaOID)
	types.RegisterType(&pgtype.Type{
		Name: "_bytea", OID: pgtype.ByteaArrayOID, Codec: blobsCodec{&pgtype.ArrayCodec{ElementType: bytea}},
	})
	return nil
}

// blobsCodec is pgx's own but for a [][]byte.
type blobsCodec struct{ *pgtype.ArrayCodec }

// PlanEncode implements pgtype.Codec.
func (c blobsCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.([][]byte); ok && format == pgtype.BinaryFormatCode {
		return blobs{}
	}
	return c.ArrayCodec.PlanEncode(m, oid, format, value)
}

// blobs writes a [][]byte as array_recv of PostgreSQL reads it. pgx would plan each item by
// reflection, and let the buffer grow under them again and again.
type blobs struct{}

// Encode implements pgtype.EncodePlan.
func (blobs) Encode(value any, buf []byte) ([]byte, error) {
	items := value.([][]byte)
	if items == nil {
		return nil, nil
	}
	const head, dimension, length = 12, 8, 4
	size, nulls := head+dimension, uint32(0)
	for _, item := range items {
		size += length + len(item)
		if item == nil {
			nulls = 1
		}
	}
	buf = slices.Grow(buf, size)
	buf = binary.BigEndian.AppendUint32(buf, 1) // dimension
	buf = binary.BigEndian.AppendUint32(buf, nulls)
	buf = binary.BigEndian.AppendUint32(buf, pgtype.ByteaOID)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(items)))
	buf = binary.BigEndian.AppendUint32(buf, 1) // index of the first item
	for _, item := range items {
		if item == nil {
			buf = binary.BigEndian.AppendUint32(buf, 1<<32-1)
			continue
		}
		buf = append(binary.BigEndian.AppendUint32(buf, uint32(len(item))), item...)
	}
	return buf, nil
}
