package flow

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
)

// SessionID names a session: 80 random bits as 16 letters of Crockford's base32 in lower case, so that a person can
// type a prefix of it. The zero SessionID is "no session".
type SessionID [16]byte

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// NewSessionID returns a random identifier.
func NewSessionID() SessionID {
	var raw [10]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24: it ends the program instead
	var id SessionID
	base32.NewEncoding(crockford).WithPadding(base32.NoPadding).Encode(id[:], raw[:])
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
