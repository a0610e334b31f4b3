package journal

import (
	"strconv"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Encode appends a record as it stands in the journal, but for the chain and the newline: what is shown beside the
// journal is no link of it. Without a number in id there is no seq.
func Encode(dst []byte, id flow.Identity, r *flow.Record) ([]byte, error) {
	c := newEncoder()
	if err := c.encode(r); err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	if id.Seq != 0 {
		dst = append(dst, `"seq":`...)
		dst = strconv.AppendUint(dst, id.Seq, 10)
		dst = append(dst, ',')
	}
	dst = append(dst, c.body()...)
	return append(dst, '}'), nil
}
