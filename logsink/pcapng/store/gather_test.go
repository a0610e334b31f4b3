package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
)

// lendable is a disk in memory that takes pieces where they lie, until it is full.
type lendable struct {
	bytes.Buffer
	left   int
	writes []int // how much there was of it behind each
}

func (d *lendable) Write(b []byte) (int, error) {
	n := min(len(b), d.left)
	d.left -= n
	d.Buffer.Write(b[:n])
	d.writes = append(d.writes, d.Len())
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func (d *lendable) WritePieces(pieces [][]byte) error {
	_, err := d.Write(bytes.Join(pieces, nil))
	return err
}

func (d *lendable) Truncate(n int64) error {
	d.Buffer.Truncate(int(n))
	return nil
}

func (*lendable) Close() error { return nil }

// TestLent lends a file the middles of blocks of all sizes, and changes them when it may: what is written are the blocks,
// no write ends within one, and none is held that is more than a write should be of. When the disk becomes full, what it
// took stays up to the end of a block.
func TestLent(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		disk := &lendable{left: rapid.SampledFrom([]int{1 << 30, 1 << 30, 3 << 20, 70_000, 5}).Draw(t, "room")}
		files++
		f, err := store.New(store.Config{
			Dir: dir, Create: func(string) (store.Media, error) { return disk, nil },
		}).Create("db", fmt.Sprint("n", files), began())
		if err != nil {
			t.Fatal(err)
		}
		x := lender{file: f, ends: []int{0}}
		for range rapid.OneOf(rapid.IntRange(0, 9), rapid.IntRange(100, 300)).Draw(t, "blocks") {
			x.block(t)
		}
		if x.err != nil && !errors.Is(x.err, errFull) {
			t.Fatal(x.err)
		}
		if err := f.Close(); (err == nil) != (disk.left > 0 || disk.Len() == len(x.want)) {
			t.Fatalf("closing says %v; %d bytes of %d, room for %d more", err, disk.Len(), len(x.want), disk.left)
		}
		if got := disk.Bytes(); !bytes.HasPrefix(x.want, got) || !slices.Contains(x.ends, len(got)) {
			t.Fatalf("%d bytes were written of %d, or others", len(got), len(x.want))
		}
		last := 0
		for _, end := range disk.writes {
			if !slices.Contains(x.ends, end) && disk.left > 0 {
				t.Fatalf("a write ends at %d, within a block", end)
			}
			if end-last > 1<<20+64<<10 {
				t.Fatalf("%d bytes in one write", end-last)
			}
			last = end
		}
	})
}

// lender lends a file the middles of blocks.
type lender struct {
	file *store.File
	want []byte
	ends []int // of the blocks
	lent [][]byte
	err  error
}

func (l *lender) block(t *rapid.T) {
	n := rapid.SampledFrom([]int{0, 1, 4 << 10, 4<<10 - 1, 32 << 10, 64 << 10}).Draw(t, "payload")
	data := bytes.Repeat([]byte{byte(len(l.ends))}, n)
	whole := block.AppendPacket(nil, &block.Packet{At: began(), Data: data, Length: uint32(n)})
	head, tail := slices.Clone(whole[:28]), slices.Clone(whole[28+n:])
	if l.err != nil {
		return
	}
	l.err = l.file.Append(head, data, tail)
	clear(head)
	clear(tail)
	l.lent = append(l.lent, data)
	l.want = append(l.want, whole...)
	l.ends = append(l.ends, len(l.want))
	if l.err == nil && rapid.IntRange(0, 99).Draw(t, "flush") == 0 {
		l.err = l.file.Flush()
		l.back()
	}
}

// back changes what was lent, which is allowed behind a flush.
func (l *lender) back() {
	for _, b := range l.lent {
		clear(b)
	}
	l.lent = nil
}
