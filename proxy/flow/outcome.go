package flow

import (
	"net/netip"
	"time"
)

// End is how a session ended.
type End uint8

// The ends.
const (
	EndUnknown        End = iota
	EndFIN                // both sides closed in order
	EndReset              // one side reset the connection
	EndIdleTimeout        // nothing moved for the idle timeout
	EndFirstByte          // the client sent nothing within the first-byte timeout
	EndUserTimeout        // sent data was not acknowledged in time (TCP_USER_TIMEOUT, keepalive)
	EndDialRefused        // nothing listens at the backend
	EndDialTimeout        // the backend did not answer
	EndDialFailed         // the backend could not be reached for another reason
	EndDenied             // refused after the open record
	EndDrain              // lodoor stopped, and the session did not end within the drain time
	EndKilled             // a person ended it
	EndCrashRecovered     // lodoor died while it was open; counts are unknown
	EndClientGone         // the client left while the backend was being dialled
	EndIOError            // a socket failed in another way
)

func endNames() []string {
	return []string{
		"unknown", "fin", "reset", "idle_timeout", "first_byte_timeout", "user_timeout", "dial_refused",
		"dial_timeout", "dial_failed", "denied", "drain", "killed", "crash_recovered", "client_gone", "io_error",
	}
}

func (e End) String() string { return enumName(endNames(), uint8(e)) }

// MarshalText writes the end's name.
func (e End) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads an end's name.
func (e *End) UnmarshalText(text []byte) error {
	i, err := parseEnum("session end", endNames(), text)
	*e = End(i)
	return err
}

// DialFailed says whether the backend was never reached.
func (e End) DialFailed() bool {
	return e == EndDialRefused || e == EndDialTimeout || e == EndDialFailed
}

// Side is who did something to a session.
type Side uint8

// The sides.
const (
	SideNone Side = iota
	SideClient
	SideBackend
	SideLodoor
)

func sideNames() []string { return []string{"", "client", "backend", "lodoor"} }

func (s Side) String() string { return enumName(sideNames(), uint8(s)) }

// MarshalText writes the side's name.
func (s Side) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a side's name.
func (s *Side) UnmarshalText(text []byte) error {
	i, err := parseEnum("side", sideNames(), text)
	*s = Side(i)
	return err
}

// TCPInfo is what the kernel said of one leg when the session ended (tcp(7), TCP_INFO; SIOCINQ, SIOCOUTQ).
type TCPInfo struct {
	RTT         time.Duration // smoothed round trip time
	Retransmits uint32        // segments sent again in the connection's life
	Unsent      uint32        // bytes in the send queue: not sent, or sent and not acknowledged
	Unread      uint32        // bytes in the receive queue
}

// Outcome is what a lane, or a failed set-up, says of a session that is over.
type Outcome struct {
	// Known is false when the counts below are unknown (after a crash): they are then left out of the record.
	Known bool
	// FromClient and FromBackend are the bytes read from each side.
	FromClient, FromBackend uint64
	// Duration is from accept to the last byte.
	Duration time.Duration
	// Dial is how long connecting to the backend took, retries included; 0 when it was not dialled.
	Dial time.Duration
	// FirstByte is from accept to the backend's first byte; 0 when there was none.
	FirstByte time.Duration
	// Lane is the name of the lane; empty when none was started.
	Lane string
	// Tapped says whether somebody read along.
	Tapped bool
	// Recorded says whether it was a recorder.
	Recorded bool
	// TapKept and TapSkipped are the bytes that the recorder kept and could not keep; their sum is the bytes relayed.
	TapKept, TapSkipped uint64
	// Leg is the backend connection's own address, which the backend sees as its client; not valid when there was none.
	Leg netip.AddrPort
	// Server is the address that was dialled; not valid for Unix sockets.
	Server netip.AddrPort
	// End and EndedBy are how and by whom.
	End     End
	EndedBy Side
	// Detail is the cause in words, when there is more to say than End: "nothing listens on localhost:5432".
	Detail string
	// Refused is the verdict of the gate that ended the session; nil when none did.
	Refused *Verdict
	// ClientTCP and BackendTCP are set when the session ended by reset or timeout on a TCP leg.
	ClientTCP, BackendTCP *TCPInfo
}
