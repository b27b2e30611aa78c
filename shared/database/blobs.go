package database

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// encodeBlobs has a connection encode [][]byte, the keys and bodies of a Writer's group, as blobs.
func encodeBlobs(_ context.Context, conn *pgx.Conn) error {
	types := conn.TypeMap()
	types.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapBlobs}, types.TryWrapEncodePlanFuncs...)
	return nil
}

func wrapBlobs(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	b, ok := value.([][]byte)
	return new(blobsPlan), blobs(b), ok
}

// blobsPlan encodes [][]byte by the plan of blobs.
type blobsPlan struct{ pgtype.EncodePlan }

func (p *blobsPlan) SetNext(next pgtype.EncodePlan) { p.EncodePlan = next }

func (p *blobsPlan) Encode(value any, buf []byte) ([]byte, error) {
	return p.EncodePlan.Encode(blobs(value.([][]byte)), buf)
}

// blobs is a [][]byte as a pgtype.ArrayGetter. pgx, which has such for most slices, would reach each
// item of this one by reflection and copy its header to the heap.
type blobs [][]byte

func (b blobs) Dimensions() []pgtype.ArrayDimension {
	if b == nil {
		return nil
	}
	return []pgtype.ArrayDimension{{Length: int32(len(b)), LowerBound: 1}}
}

func (b blobs) Index(i int) any { return (*blob)(&b[i]) }

func (blobs) IndexType() any { return (*blob)(nil) }

// blob is a pgtype.BytesValuer; nil is null.
type blob []byte

func (b *blob) BytesValue() ([]byte, error) { return *b, nil }
