package store_test

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
)

// discard is a disk that takes everything.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Truncate(int64) error        { return nil }
func (discard) Close() error                { return nil }

// BenchmarkAppend appends packets as the recorder does, with a flush for each 64 of them.
func BenchmarkAppend(b *testing.B) {
	for _, form := range forms(b) {
		b.Run(form.suffix, func(b *testing.B) {
			c := form.config(b.TempDir())
			c.Create = func(string) (store.Media, error) { return discard{}, nil }
			f := create(b, store.New(c), "")
			random := rand.New(rand.NewPCG(1, 2))
			var blocks [128][]byte // more than the compression looks back
			for i := range blocks {
				blocks[i] = packetOf(random)
			}
			b.SetBytes(int64(len(blocks[0])))
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				add(b, f, blocks[n%len(blocks)])
				if n%64 == 0 {
					if err := f.Flush(); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(f.Written())/float64(f.OnDisk()), "ratio")
			if err := f.Close(); err != nil && !os.IsNotExist(err) {
				b.Fatal(err)
			}
		})
	}
}

// packetOf is a packet of 32 KiB, of which half cannot be compressed.
func packetOf(random *rand.Rand) []byte {
	data := make([]byte, 32<<10)
	for i := range len(data) / 2 {
		data[i] = byte(random.Uint32())
	}
	return block.AppendPacket(nil, &block.Packet{At: began(), Data: data, Length: uint32(len(data))})
}
