package main

import (
	"bufio"
	"fmt"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// hexRow is how many bytes stand in a line.
const hexRow = 16

// hexDump shows the bytes of a session, each side's with its own offsets.
type hexDump struct {
	out    *bufio.Writer
	from   string
	color  bool
	opened time.Time
	offset [2]uint64
}

func (h *hexDump) begin(parts []*recordedSession) {
	h.opened = parts[0].Opened
	fmt.Fprint(h.out, sessionSheet(parts, h.color))
}

func (*hexDump) end(*recordedSession) {}

func (h *hexDump) event(e *recording.Event) {
	if e.Kind == recording.Data && saidBy(h.from, e.Direction) {
		fmt.Fprintf(h.out, "%s %s  %s\n", sideMark(e.Direction), sinceText(e.At.Sub(h.opened)),
			plural(uint64(len(e.Payload)), "byte"))
		h.chunk(&chunk{e.Direction, e.At, e.Payload, e.Missing, e.Why})
	}
}

// chunk shows a piece of a direction.
func (h *hexDump) chunk(c *chunk) {
	for at := 0; at < len(c.bytes); at += hexRow {
		h.row(h.offset[c.dir]+uint64(at), c.bytes[at:min(at+hexRow, len(c.bytes))])
	}
	h.offset[c.dir] += uint64(len(c.bytes)) + c.missing
	if c.missing > 0 {
		fmt.Fprintf(h.out, "  %s\n", missingText(c.missing, c.reason))
	}
}

func (h *hexDump) row(offset uint64, b []byte) {
	line := fmt.Appendf(nil, "  %08x ", offset)
	for i := range hexRow {
		if i == hexRow/2 {
			line = append(line, ' ')
		}
		if i < len(b) {
			line = fmt.Appendf(line, " %02x", b[i])
		} else {
			line = append(line, "   "...)
		}
	}
	fmt.Fprintf(h.out, "%s  |%s|\n", line, dotted(b))
}

// sideMark is > for what a client said and < for what came back.
func sideMark(d flow.Direction) string {
	if d == flow.FromClient {
		return ">"
	}
	return "<"
}

// sinceText is the time since a session was accepted, in seconds.
func sinceText(d time.Duration) string { return fmt.Sprintf("%11.6f", d.Seconds()) }

func missingText(n uint64, why string) string {
	text := plural(n, "byte") + " that are not in the recording"
	if n == 1 {
		text = "1 byte that is not in the recording"
	}
	if why != "" {
		text += " (" + terminal.Visible(why) + ")"
	}
	return "… " + text
}
