package flow

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// SessionID names a session: 80 random bits as 16 letters of Crockford's base32 in lower case, so that a person can
// type a prefix of it. The zero SessionID is "no session".
type SessionID [16]byte

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// NewSessionID returns a random identifier.
func NewSessionID() SessionID {
	var raw [16]byte
	_, _ = rand.Read(raw[:10]) // never fails since Go 1.24: it ends the program instead
	return encodeSessionID(raw)
}

// encodeSessionID writes the first 80 bits of raw, 5 for each letter.
func encodeSessionID(raw [16]byte) (id SessionID) {
	high, low := binary.BigEndian.Uint64(raw[:8]), uint64(binary.BigEndian.Uint16(raw[8:10]))
	for i := len(id) - 1; i >= 0; i-- {
		id[i] = crockford[low&31]
		low = low>>5 | high&31<<11
		high >>= 5
	}
	return id
}

// IsZero says whether id names no session.
func (id SessionID) IsZero() bool { return id == SessionID{} }

func (id SessionID) String() string {
	if id.IsZero() {
		return ""
	}
	return string(id[:])
}

// Short is the prefix that people are shown.
func (id SessionID) Short() string {
	if id.IsZero() {
		return ""
	}
	return string(id[:6])
}

// MarshalText writes the identifier; the zero one is empty.
func (id SessionID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads an identifier of 16 letters; empty text is the zero one.
func (id *SessionID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = SessionID{}
		return nil
	}
	if len(text) != len(id) {
		return fmt.Errorf("session id %q has %d characters: expected %d", text, len(text), len(id))
	}
	copy(id[:], text)
	return nil
}

// Direction is the way that bytes take through a session.
type Direction uint8

// The two directions.
const (
	FromClient  Direction = iota // client to backend
	FromBackend                  // backend to client
)

func (d Direction) String() string {
	if d == FromClient {
		return "from_client"
	}
	return "from_backend"
}
