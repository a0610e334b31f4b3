package journal

import (
	"strconv"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Encoder makes lines of records that are shown beside the journal. It serves one goroutine, and keeps what it needs
// from one record to the next.
type Encoder struct{ encoder *encoder }

// NewEncoder returns an Encoder.
func NewEncoder() Encoder { return Encoder{newEncoder()} }

// Append appends a record as it stands in the journal, but for the chain and the newline: what is shown beside the
// journal is no link of it. Without a number in id there is no seq.
func (c Encoder) Append(dst []byte, id flow.Identity, r *flow.Record) ([]byte, error) {
	if err := c.encoder.encode(r); err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	if id.Seq != 0 {
		dst = append(dst, `"seq":`...)
		dst = strconv.AppendUint(dst, id.Seq, 10)
		dst = append(dst, ',')
	}
	dst = append(dst, c.encoder.body()...)
	return append(dst, '}'), nil
}
