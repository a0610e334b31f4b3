package block

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Section is the head of a file, or of what is appended to one (4.1).
type Section struct {
	Application, Comment, Hardware, System string
}

// AppendSection appends a Section Header Block.
func AppendSection(b []byte, s *Section) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = begin(b, KindSection)
	b = le.AppendUint32(b, byteOrder)
	b = le.AppendUint16(b, majorVersion)
	b = le.AppendUint16(b, minorVersion)
	b = le.AppendUint64(b, lengthUnknown)
	b = appendText(b, optionApplication, s.Application)
	b = appendText(b, OptionComment, s.Comment)
	b = appendText(b, optionHardware, s.Hardware)
	b = appendText(b, optionSystem, s.System)
	return end(AppendOption(b, OptionEnd, ""), start)
}

// Link is what an interface's packets begin with (https://www.tcpdump.org/linktypes.html).
type Link uint16

// The links that lodoor records.
const (
	LinkEthernet Link = 1
	LinkRaw      Link = 101 // an IPv4 or IPv6 header
)

// Interface is where packets come from (4.2). It is known by its place among those of its section, from 0.
type Interface struct {
	Link              Link
	Name, Description string
	// resolution and offset are how its times are told, as they were read.
	resolution byte
	offset     int64
}

// AppendInterface appends an Interface Description Block. Its times are in nanoseconds, its packets of any length.
func AppendInterface(b []byte, i *Interface) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = begin(b, KindInterface)
	b = le.AppendUint16(b, uint16(i.Link))
	b = le.AppendUint16(b, 0) // reserved
	b = le.AppendUint32(b, 0) // packets may be of any length
	b = appendText(b, optionName, i.Name)
	b = appendText(b, optionDescription, i.Description)
	b = AppendOption(b, optionResolution, string([]byte{nanoseconds}))
	return end(AppendOption(b, OptionEnd, ""), start)
}

// Packet is an Enhanced Packet Block (4.3).
type Packet struct {
	Interface uint32
	At        time.Time
	Data      []byte // as much as was kept
	Length    uint32 // on the wire
	Comments  []string
}

// AppendPacket appends an Enhanced Packet Block.
func AppendPacket(b []byte, p *Packet) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = begin(b, KindPacket)
	b = le.AppendUint32(b, p.Interface)
	b = appendTime(b, p.At)
	b = le.AppendUint32(b, uint32(len(p.Data)))
	b = le.AppendUint32(b, p.Length)
	b = AppendPadding(append(b, p.Data...), len(p.Data))
	for _, c := range p.Comments {
		b = appendText(b, OptionComment, c)
	}
	if len(p.Comments) > 0 {
		b = AppendOption(b, OptionEnd, "")
	}
	return end(b, start)
}

// Name tells what an address is called.
type Name struct {
	Addr  netip.Addr
	Names []string // without NUL
}

// The records of a Name Resolution Block.
const (
	recordEnd  = 0
	recordIPv4 = 1
	recordIPv6 = 2
)

// AppendNames appends a Name Resolution Block (4.5).
func AppendNames(b []byte, names []Name) []byte {
	start := len(b)
	b = begin(b, KindNames)
	for i := range names {
		b = appendName(b, &names[i])
	}
	b = AppendOption(b, recordEnd, "") // a record has the shape of an option
	return end(AppendOption(b, OptionEnd, ""), start)
}

func appendName(b []byte, n *Name) []byte {
	if !n.Addr.IsValid() || len(n.Names) == 0 {
		return b
	}
	kind := uint16(recordIPv6)
	if n.Addr.Is4() {
		kind = recordIPv4
	}
	value := n.Addr.AsSlice()
	for _, name := range n.Names {
		if len(value)+len(name)+1 > maxOption {
			break
		}
		value = append(append(value, name...), 0)
	}
	return AppendOption(b, kind, string(value))
}

// Statistics are what an interface saw (4.6).
type Statistics struct {
	Interface uint32
	At        time.Time
	// Start and End are zero when they are not known.
	Start, End time.Time
	// Received are the packets that came, Dropped those of them that were not kept whole.
	Received, Dropped uint64
}

// AppendStatistics appends an Interface Statistics Block.
func AppendStatistics(b []byte, s *Statistics) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = begin(b, KindStatistics)
	b = le.AppendUint32(b, s.Interface)
	b = appendTime(b, s.At)
	for _, t := range []struct {
		code uint16
		at   time.Time
	}{{optionStart, s.Start}, {optionEndTime, s.End}} {
		if !t.at.IsZero() {
			b = AppendOption(b, t.code, string(appendTime(nil, t.at)))
		}
	}
	b = AppendOption(b, optionReceived, string(le.AppendUint64(nil, s.Received)))
	b = AppendOption(b, optionDropped, string(le.AppendUint64(nil, s.Dropped)))
	return end(AppendOption(b, OptionEnd, ""), start)
}

// appendTime appends a time as its upper and its lower half.
func appendTime(b []byte, at time.Time) []byte {
	ns := uint64(at.UnixNano())
	b = binary.LittleEndian.AppendUint32(b, uint32(ns>>32))
	return binary.LittleEndian.AppendUint32(b, uint32(ns))
}

// SecretsTLS are lines of a TLS key log (draft-ietf-tls-keylogfile), in a block of Secrets.
const SecretsTLS uint32 = 0x544c534b

// Secrets is what decrypts the packets behind it (4.7).
type Secrets struct {
	Type uint32
	Data []byte
}

// AppendSecrets appends a Decryption Secrets Block.
func AppendSecrets(b []byte, s *Secrets) []byte {
	start := len(b)
	b = begin(b, KindSecrets)
	b = binary.LittleEndian.AppendUint32(b, s.Type)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.Data)))
	return end(AppendPadding(append(b, s.Data...), len(s.Data)), start)
}
