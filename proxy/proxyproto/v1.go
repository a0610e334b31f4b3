package proxyproto

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// minV1 is the length of the shortest header of version 1: "PROXY UNKNOWN" and a line end.
const minV1 = 15

// parseV1 reads "PROXY TCP4 CLIENT SERVER PORT PORT" or "PROXY UNKNOWN ..." with CR LF behind it.
func parseV1(b []byte) (n int, c *flow.Conveyed, err error) {
	room := b[:min(len(b), maxV1)]
	end := bytes.IndexByte(room, '\n')
	switch {
	case end < 0 && len(room) == maxV1:
		return 0, nil, fmt.Errorf("a PROXY header of more than %d bytes: %s", maxV1, quote(b))
	case end < 0:
		return 0, nil, nil
	case room[end-1] != '\r': // the signature is before it
		return 0, nil, fmt.Errorf("a PROXY header that does not end with CR LF: %s", quote(room[:end+1]))
	}
	if c, err = parseLine(string(room[:end-1])); err != nil {
		return 0, nil, fmt.Errorf("a malformed PROXY header, %s: %w", quote(room[:end+1]), err)
	}
	return end + 1, c, nil
}

func parseLine(text string) (*flow.Conveyed, error) {
	words := strings.Split(text, " ")
	switch {
	case words[1] == "UNKNOWN": // what follows is to be ignored
		return nil, nil
	case words[1] != "TCP4" && words[1] != "TCP6":
		return nil, errors.New("expected TCP4, TCP6 or UNKNOWN")
	case len(words) != 6:
		return nil, errors.New("expected two addresses and two ports")
	}
	client, err1 := parseAddr(words[1], words[2])
	server, err2 := parseAddr(words[1], words[3])
	clientPort, err3 := parsePort(words[4])
	serverPort, err4 := parsePort(words[5])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	return newConveyed(1, client, server, clientPort, serverPort), nil
}

func parseAddr(family, text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is4() != (family == "TCP4") {
		return a, fmt.Errorf("expected an address of %s", family)
	}
	return a, nil
}

// parsePort takes 0, as the specification does, and no leading zero.
func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || text[0] == '0' && len(text) > 1 {
		return 0, errors.New("expected a port from 0 to 65535")
	}
	return uint16(n), nil
}

// missingV1 is how many bytes there are at least behind b.
func missingV1(b []byte) int {
	switch {
	case len(b) < minV1:
		return minV1 - len(b)
	case b[len(b)-1] == '\r':
		return 1
	case !bytes.HasPrefix(b, []byte(signatureV1+"TCP")):
		return 2
	}
	words := max(0, 5-bytes.Count(b, []byte(" "))) // each has a space before it and a character at least
	missing := 2*words + 2
	if b[len(b)-1] == ' ' {
		missing++
	}
	return missing
}
