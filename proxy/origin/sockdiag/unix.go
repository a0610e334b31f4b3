package sockdiag

import (
	"encoding/binary"
	"fmt"
)

// Layouts and numbers of Linux's include/uapi/linux/unix_diag.h.
const (
	unixRequestLen = 24 // struct unix_diag_req
	unixSocketLen  = 16 // struct unix_diag_msg

	familyUnix    = 1 // AF_UNIX
	showPeer      = 4 // UDIAG_SHOW_PEER
	attributePeer = 2 // UNIX_DIAG_PEER
)

// unixRequest asks for the peer of the Unix socket with an inode.
type unixRequest struct{ inode uint32 }

// append adds the whole netlink message to b.
func (r *unixRequest) append(b []byte, seq uint32) []byte {
	start := len(b)
	b = append(b, make([]byte, headerLen+unixRequestLen)...)
	m := putHeader(b[start:], flagRequest, seq)
	m[0] = familyUnix
	binary.NativeEndian.PutUint32(m[4:], ^uint32(0)) // any state
	binary.NativeEndian.PutUint32(m[8:], r.inode)
	binary.NativeEndian.PutUint32(m[12:], showPeer)
	binary.NativeEndian.PutUint64(m[16:], ^uint64(0)) // any cookie
	return b
}

// peer reads struct unix_diag_msg and the attributes behind it: the inode of the socket's peer, 0 when that is closed.
func (r *unixRequest) peer(b []byte) (uint32, error) {
	if len(b) < unixSocketLen {
		return 0, fmt.Errorf("%w: a Unix socket of %d bytes", errMalformed, len(b))
	}
	if inode := binary.NativeEndian.Uint32(b[4:]); b[0] != familyUnix || inode != r.inode {
		return 0, fmt.Errorf("%w: socket %d of family %d where %d was asked for", errMalformed, inode, b[0], r.inode)
	}
	value := attribute(b[unixSocketLen:], attributePeer)
	if len(value) < 4 {
		return 0, nil
	}
	return binary.NativeEndian.Uint32(value), nil
}
