package keylog

import (
	"bytes"
	"encoding/hex"
)

// maxLine is far above what a line has: a label, 64 digits and, of ECH_CONFIG, a few hundred more.
const maxLine = 4 << 10

// parse says whether a line, without its end, is of the format, and what ClientHello it is about. RFC 9850, 2: a label, a
// space, the random in hexadecimal, a space, the secret in hexadecimal.
func parse(line []byte) (random [32]byte, ok bool) {
	if len(line) > maxLine {
		return random, false
	}
	label, rest, _ := bytes.Cut(line, []byte{' '})
	name, secret, _ := bytes.Cut(rest, []byte{' '})
	if !known(label) || len(name) != hex.EncodedLen(len(random)) || !isHex(secret) {
		return random, false
	}
	_, err := hex.Decode(random[:], name)
	return random, err == nil
}

// known says whether a label is one of RFC 9850, 2.1 to 2.3, or the older name of one.
func known(label []byte) bool {
	switch string(label) {
	case "CLIENT_RANDOM", // TLS 1.2 and before
		"CLIENT_EARLY_TRAFFIC_SECRET",
		"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
		"EARLY_EXPORTER_SECRET", "EARLY_EXPORTER_MASTER_SECRET", "EXPORTER_SECRET",
		"ECH_SECRET", "ECH_CONFIG":
		return true
	}
	number, is := bytes.CutPrefix(label, []byte("CLIENT_TRAFFIC_SECRET_"))
	if !is {
		number, is = bytes.CutPrefix(label, []byte("SERVER_TRAFFIC_SECRET_"))
	}
	return is && isNumber(number)
}

// isNumber is about the N-th change of a connection's keys.
func isNumber(b []byte) bool {
	if len(b) == 0 || len(b) > 4 {
		return false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return len(b) > 0 && len(b)%2 == 0
}
