package store

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// disk is a file on it.
type disk struct{ *os.File }

// maxPieces is how many pieces the system takes at once (IOV_MAX, sysconf(3)).
const maxPieces = 1024

// WritePieces writes all of the pieces (writev(2)). What they are in is changed.
func (d disk) WritePieces(pieces [][]byte) error {
	conn, err := d.SyscallConn()
	if err != nil {
		return err
	}
	for len(pieces) > 0 && err == nil {
		var n int
		var failed error
		err = conn.Write(func(fd uintptr) bool {
			n, failed = unix.Writev(int(fd), pieces[:min(len(pieces), maxPieces)])
			return true
		})
		if n == 0 {
			failed = io.ErrUnexpectedEOF
		}
		if failed != nil && !errors.Is(failed, unix.EINTR) {
			return &os.PathError{Op: "write", Path: d.Name(), Err: failed}
		}
		pieces = behind(pieces, max(n, 0))
	}
	return err
}

// behind is what is left of the pieces behind the first n bytes.
func behind(pieces [][]byte, n int) [][]byte {
	for len(pieces) > 0 && n >= len(pieces[0]) {
		n -= len(pieces[0])
		pieces = pieces[1:]
	}
	if n > 0 {
		pieces[0] = pieces[0][n:]
	}
	return pieces
}
