package replay

import (
	"encoding/binary"
	"strconv"
	"time"
)

// pgTimes are when a recording began and when its replay did.
type pgTimes struct{ recorded, played time.Time }

// pgIsOID says whether values of a type are OIDs: oid, and the types that only name its kinds as text do not count.
func pgIsOID(oid uint32) bool { return oid == oidOID }

// pgOID is a value of type oid; 0 when it is none.
func pgOID(v []byte, format uint16) uint32 {
	if format == 1 {
		if len(v) == 4 {
			return binary.BigEndian.Uint32(v)
		}
		return 0
	}
	n, err := strconv.ParseUint(string(v), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// pgTime reads a value of type timestamp, which is in the session's zone, or timestamptz. As text it is read as DateStyle ISO
// writes it; binary it is in microseconds since the year 2000.
func pgTime(v []byte, oid uint32, format uint16, zone string) (time.Time, bool) {
	if oid != oidTimestamp && oid != oidTimestampTZ {
		return time.Time{}, false
	}
	in := time.UTC
	if oid == oidTimestamp {
		loaded, err := time.LoadLocation(zone)
		if err != nil {
			return time.Time{}, false
		}
		in = loaded
	}
	if format == 1 {
		if len(v) != 8 {
			return time.Time{}, false
		}
		t := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(int64(binary.BigEndian.Uint64(v))) * time.Microsecond)
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), in), true
	}
	const plain = "2006-01-02 15:04:05.999999"
	layouts := []string{plain}
	if oid == oidTimestampTZ {
		layouts = []string{plain + "-07", plain + "-07:00"}
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, string(v), in); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
