package procfs

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// UnixListener is a Unix socket that listens.
type UnixListener struct {
	Inode uint64
	// Path is as it was bound; @ begins an abstract one.
	Path string
}

// UnixListeners lists the Unix sockets that listen, in the network namespace of this process.
func (p FS) UnixListeners() ([]UnixListener, error) {
	b, err := os.ReadFile(p.Path("net", "unix"))
	if err != nil {
		return nil, fmt.Errorf("list Unix sockets: %w", err)
	}
	return parseUnix(b), nil
}

// parseUnix reads /proc/net/unix. Lines of another form are passed over: a path may hold line feeds.
func parseUnix(b []byte) []UnixListener {
	var all []UnixListener
	for line := range bytes.Lines(b) {
		if l, ok := parseUnixLine(bytes.TrimSuffix(line, []byte("\n"))); ok {
			all = append(all, l)
		}
	}
	return all
}

// parseUnixLine reads address, references, protocol, flags, type, state, the inode, which is padded, and up to the
// line's end the path. Not ok is a socket that does not listen, or has no path.
func parseUnixLine(line []byte) (l UnixListener, ok bool) {
	const accepts = 0x10000 // __SO_ACCEPTCON in the flags
	words := bytes.SplitN(line, []byte(" "), 7)
	if len(words) < 7 {
		return l, false
	}
	inode, path, ok := bytes.Cut(bytes.TrimLeft(words[6], " "), []byte(" "))
	flags, errFlags := strconv.ParseUint(string(words[3]), 16, 32)
	n, errInode := strconv.ParseUint(string(inode), 10, 64)
	ok = ok && errFlags == nil && errInode == nil && flags&accepts != 0
	return UnixListener{Inode: n, Path: string(path)}, ok
}
