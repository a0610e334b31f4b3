package pcapng

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// File is what a recording is written to.
type File interface {
	io.WriteCloser
	// Truncate cuts off the half block that a failed write left.
	Truncate(size int64) error
}

// createFile makes a file that only its owner can read. It never opens an existing one, nor follows a link.
func createFile(path string) (File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// connection is a client's and a front's address, which stand for one session in one file.
type connection struct{ client, front netip.AddrPort }

const (
	extension = ".pcapng"
	// bufferedBytes holds several of the largest packets.
	bufferedBytes = 256 << 10
	// jitter is by how much a time may be before that of the packet ahead of it and is raised to it: two goroutines
	// read the clock and then queue for their place.
	jitter = 10 * time.Millisecond
)

// file is one recording that is being written.
type file struct {
	path   string
	f      File
	buf    *bufio.Writer
	packer *packer

	written, flushed       int64  // bytes in whole blocks, and those of them that the system has
	payload, payloadOnDisk uint64 // the same of payload

	at       int64 // time of the last packet
	sessions int   // that are not over
	seen     map[connection]struct{}
}

// openFile makes the recording of a service under a name that is not taken.
func openFile(create func(string) (File, error), dir, service, application string, at time.Time) (*file, error) {
	base := filepath.Join(dir, fileName(service)+"-"+at.UTC().Format("20060102T150405Z"))
	path := base + extension
	f, err := create(path)
	for n := 2; errors.Is(err, os.ErrExist); n++ {
		path = fmt.Sprintf("%s-%d%s", base, n, extension)
		f, err = create(path)
	}
	if err != nil {
		return nil, err
	}
	return newFile(f, path, service, application)
}

func newFile(f File, path, service, application string) (*file, error) {
	out := &file{
		path: path, f: f, buf: bufio.NewWriterSize(f, bufferedBytes), packer: newPacker(), seen: map[connection]struct{}{},
	}
	if err := out.append(appendInterface(appendSection(nil, application), service)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return out, nil
}

// fileName makes of a service's name something that is a plain file name everywhere.
func fileName(service string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, service)
	if name = strings.TrimLeft(name, "."); name == "" {
		name = "service"
	}
	return name[:min(len(name), 100)]
}

// takes says whether a session may be added. A reader takes two sessions with the same addresses and ports for one
// that began anew, and marks it; so they go to different files.
func (f *file) takes(c connection) bool {
	const most = 1 << 16 // sessions that are worth remembering
	_, taken := f.seen[c]
	return !taken && len(f.seen) < most
}

// stamp orders times within a file and, more strictly, within a session; only a clock that was set back shows.
func (f *file) stamp(t *tap, at int64) int64 {
	at = raise(at, t.at, time.Second)
	at = raise(at, f.at, jitter)
	t.at, f.at = at, at
	return at
}

func raise(at, last int64, most time.Duration) int64 {
	if at < last && last-at < int64(most) {
		return last
	}
	return at
}

// write adds one packet. A comment is shown with it by those who read the file.
func (f *file) write(at int64, s *segment, comment string) error {
	block, err := f.packer.pack(at, s, comment)
	if err != nil {
		return err
	}
	if err := f.append(block); err != nil {
		return err
	}
	f.payload += uint64(len(s.payload))
	return nil
}

// append adds whole blocks.
func (f *file) append(blocks []byte) error {
	if f.buf.Available() < len(blocks) {
		if err := f.flush(); err != nil { // so that no write ends within a block
			return err
		}
	}
	if _, err := f.buf.Write(blocks); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	f.written += int64(len(blocks))
	return nil
}

func (f *file) flush() error {
	if err := f.buf.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	f.flushed, f.payloadOnDisk = f.written, f.payload
	return nil
}

// close ends the recording with a whole block, also after a failed write.
func (f *file) close() error {
	err := f.flush()
	if err != nil {
		if cut := f.f.Truncate(f.flushed); cut != nil {
			err = errors.Join(err, fmt.Errorf("cut %s after its last whole block: %w", f.path, cut))
		}
	}
	if closed := f.f.Close(); closed != nil {
		err = errors.Join(err, fmt.Errorf("close %s: %w", f.path, closed))
	}
	return err
}
