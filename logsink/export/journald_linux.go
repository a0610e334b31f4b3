package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// journaldTimeout bounds a batch: journald is on this machine, and holds its writers up while it is slow.
const journaldTimeout = 10 * time.Second

// Journald is a [journal.Destination] that sends records to systemd's journal, by its native protocol
// (systemd.io/JOURNAL_NATIVE_PROTOCOL). go-systemd's package journal does that too, but through one socket of the whole
// program, to one path, and it waits for a stuck journald for ever.
type Journald struct {
	path   string
	fields *journaldFields
	conn   *net.UnixConn // nil when there is none
}

// NewJournald does not look for the socket: journald may come later.
func NewJournald(c JournaldConfig) (*Journald, error) {
	if err := c.Settings.Validate(); err != nil {
		return nil, fmt.Errorf("export to journald: %w", err)
	}
	return &Journald{path: cmp.Or(c.Settings.Socket, journaldSocket), fields: &journaldFields{from: c.From}}, nil
}

// Name is "journald".
func (j *Journald) Name() string { return "journald" }

// Wants is for all records.
func (j *Journald) Wants(flow.Event) bool { return true }

// Close closes the socket; no call of Deliver may be on its way.
func (j *Journald) Close() error {
	if j.conn != nil {
		_ = j.conn.Close() // nothing can be done about it
		j.conn = nil
	}
	return nil
}

// Deliver sends each entry as a datagram. One that has been sent is in journald's hands: there are no answers.
func (j *Journald) Deliver(ctx context.Context, entries []journal.Entry) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, journaldTimeout)
	defer cancel()
	if j.conn == nil {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: j.path, Net: "unixgram"})
		if err != nil {
			return 0, fmt.Errorf("export to journald: %w", err)
		}
		j.conn = conn
	}
	defer obey(ctx, j.conn)()
	for i := range entries {
		if err := j.send(j.fields.encode(&entries[i])); err != nil {
			_ = j.Close() // it always succeeds
			return i, fmt.Errorf("export to journald: %w", err)
		}
	}
	return len(entries), nil
}

func (j *Journald) send(fields []byte) error {
	_, err := j.conn.Write(fields)
	if !errors.Is(err, unix.EMSGSIZE) && !errors.Is(err, unix.ENOBUFS) {
		return err
	}
	f, err := sealed(fields)
	if err != nil {
		return fmt.Errorf("%d bytes are too many for a datagram: %w", len(fields), err)
	}
	defer f.Close()
	return j.pass(f)
}

// pass sends a file. Package net sends none on a datagram socket that is connected, and one that is not has a name.
func (j *Journald) pass(f *os.File) error {
	raw, err := j.conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), nil, unix.UnixRights(int(f.Fd())), nil, unix.MSG_NOSIGNAL)
		return !errors.Is(sent, unix.EAGAIN)
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("sendmsg", sent)
}

// sealed is a file in memory that nobody can change any more: journald takes what does not fit into a datagram as such
// a one (memfd_create(2)).
func sealed(text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("lodoor", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "memfd")
	if _, err := f.Write(text); err != nil {
		f.Close()
		return nil, err
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, os.NewSyscallError("fcntl F_ADD_SEALS", err)
	}
	return f, nil
}
