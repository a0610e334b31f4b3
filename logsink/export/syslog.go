package export

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// SyslogConfig says what is exported, and whereto.
type SyslogConfig struct {
	Settings SyslogSettings
	From     From
	// Warn, which may be nil, is told once when records are too long to be sent.
	Warn func(error)
}

// Syslog is a [journal.Destination] that sends records to a syslog server. Syslog has no answers: on TCP and TLS a
// record is taken for delivered when the receiver's kernel has acknowledged it, and what was written last is written
// again when the connection was not closed in order; on UDP and a Unix socket when it has been sent.
type Syslog struct {
	address syslogAddress
	tls     *tls.Config // nil without TLS
	format  *syslogFormat
	newline bool
	timeout time.Duration
	warn    func(error)

	omitted atomic.Uint64
	packets packets
	stream  *stream // nil when there is no connection
	kept    window
}

// NewSyslog reads the files that the settings name, and opens no connection.
func NewSyslog(c SyslogConfig) (*Syslog, error) {
	address, err := parseSyslog(c.Settings.Address)
	if err != nil {
		return nil, fmt.Errorf("export to syslog: address: %w", err)
	}
	s := &Syslog{
		address: address,
		format:  newSyslogFormat(c.Settings, c.From, address.network == "unixgram"),
		newline: c.Settings.Framing == framingNewline,
		timeout: cmp.Or(c.Settings.Timeout, defaultSyslogTimeout),
		warn:    c.Warn,
	}
	if address.tls {
		if s.tls, err = c.Settings.config(address.host); err != nil {
			return nil, fmt.Errorf("export to syslog: %w", err)
		}
	}
	if s.warn == nil {
		s.warn = func(error) {}
	}
	return s, nil
}

// Name is "syslog".
func (s *Syslog) Name() string { return "syslog" }

// Wants is for all records.
func (s *Syslog) Wants(flow.Event) bool { return true }

// Omitted is the number of records that were too long: the server got a message that says so in their place. Any
// goroutine may ask.
func (s *Syslog) Omitted() uint64 { return s.omitted.Load() }

// Close closes the connection; no call of Deliver may be on its way.
func (s *Syslog) Close() error {
	s.packets.close()
	s.hangUp()
	return nil
}

// Deliver sends entries.
func (s *Syslog) Deliver(ctx context.Context, entries []journal.Entry) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if s.address.network == "tcp" {
		n, err = s.deliverStream(ctx, entries)
	} else {
		n, err = s.deliverPackets(ctx, entries)
	}
	if err != nil {
		return n, fmt.Errorf("export to syslog %s: %w", s.address.address, err)
	}
	return n, nil
}

// message is an entry's, valid until the next one.
func (s *Syslog) message(e *journal.Entry) []byte {
	line, whole := s.format.message(e)
	if !whole {
		s.omit(e)
	}
	return line
}

func (s *Syslog) omit(e *journal.Entry) {
	if s.omitted.Add(1) == 1 {
		s.warn(fmt.Errorf("export to syslog: record %d is too long and was not sent, only a message that says so: "+
			"a larger max_message, here and at the server, lets such records through", e.Identity.Seq))
	}
}
