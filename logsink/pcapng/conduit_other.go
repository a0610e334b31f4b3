//go:build !linux

package pcapng

// conduit is what this system has not.
type conduit struct{}

func (*conduit) read([]byte) bool { return false }
func (*conduit) close()           {}
