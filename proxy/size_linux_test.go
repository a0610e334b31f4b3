package proxy

import (
	"testing"
	"unsafe"
)

// What an idle session costs is held: this, two sockets, what the lane has and what the journal remembers.
func TestSessionIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(session{}); size > 160 {
		t.Errorf("a session has %d bytes, more than 160", size)
	}
}
