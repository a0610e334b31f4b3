// Package export takes the journal's records to where a fleet of machines keeps them: OTLP, syslog, journald, NATS
// JetStream. Each is a destination of a feed of the journal, with a cursor of its own.
package export

import (
	"strconv"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// From is what every exported record says of where it comes from, beside its own identity: host.name, host.id and
// service.version, as OpenTelemetry's resource conventions name them.
type From struct {
	Host    flow.Host
	Version string // lodoor's
}

// Wrap appends a record as it leaves the machine: one line of JSON, without a newline, with the journal's line in it as
// it is, so that its chain can still be checked.
//
//	{"resource":{"host":{…},"service":{"name":"lodoor","version":"…"}},"journal":{"id":"…","epoch":"…"},"record":{…}}
func (f From) Wrap(dst []byte, e journal.Entry) []byte {
	dst = append(dst, `{"resource":{"host":{"name":`...)
	dst = quote(dst, f.Host.Name)
	if f.Host.ID != "" {
		dst = append(dst, `,"id":`...)
		dst = quote(dst, f.Host.ID)
	}
	dst = append(dst, `},"service":{"name":"lodoor","version":`...)
	dst = quote(dst, f.Version)
	dst = append(dst, `}},"journal":{"id":`...)
	dst = quote(dst, e.Identity.Journal)
	dst = append(dst, `,"epoch":`...)
	dst = quote(dst, e.Identity.Epoch)
	dst = append(dst, `},"record":`...)
	dst = append(dst, e.Line...)
	return append(dst, '}')
}

// ID is a record's identity in one word: JOURNAL-EPOCH-SEQ.
func ID(id flow.Identity) string {
	return id.Journal + "-" + id.Epoch + "-" + strconv.FormatUint(id.Seq, 10)
}
