package origin

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// lsofFields calls visit for each file in the output of lsof -Fpfn (lsof(8), "Output for other programs"): a line for
// each field, whose first character says which. p begins a process, f a file, and n is the file's name.
func lsofFields(b []byte, visit func(pid int, fd, name string)) {
	pid, fd := 0, ""
	for line := range bytes.Lines(b) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) == 0 {
			continue
		}
		switch text := string(line[1:]); line[0] {
		case 'p':
			pid, _ = strconv.Atoi(text) // 0 is nobody
			fd = ""
		case 'f':
			fd = text
		case 'n':
			visit(pid, fd, text)
		}
	}
}

// parseLsof reads the connections: "127.0.0.1:50000->127.0.0.1:5432". What listens has no arrow.
func parseLsof(b []byte) ownership {
	owners := ownership{}
	lsofFields(b, func(pid int, _, name string) {
		local, remote, connected := strings.Cut(name, "->")
		l, errLocal := netip.ParseAddrPort(local)
		r, errRemote := netip.ParseAddrPort(remote)
		if connected && errLocal == nil && errRemote == nil {
			owners.add(ends{l, r}, pid)
		}
	})
	return owners
}

// parseLsofText reads the executable of a process, the first of its files that are program text: "ftxt". Libraries come
// after it.
func parseLsofText(b []byte, pid int) (path string) {
	lsofFields(b, func(of int, fd, name string) {
		if of == pid && fd == "txt" && path == "" {
			path = name
		}
	})
	return path
}
