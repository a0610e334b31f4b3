package export

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// The headers that say whose record a message has.
const (
	natsJournal = "Lodoor-Journal"
	natsEpoch   = "Lodoor-Epoch"
	natsSeq     = "Lodoor-Seq"

	natsRecordTime = "2006-01-02T15:04:05.000000000Z"
	natsChainKey   = `,"chain":"`
	// natsRoom is what the headers that are added later may take: the name of an expectation and an identity.
	natsRoom = 256
)

// message is a record as it is published. One that is larger than limit allows is replaced by what says so.
func (n *NATS) message(subject string, limit int, e journal.Entry) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Header.Set(nats.MsgIdHdr, ID(e.Identity))
	m.Header.Set(natsJournal, e.Identity.Journal)
	m.Header.Set(natsEpoch, e.Identity.Epoch)
	m.Header.Set(natsSeq, strconv.FormatUint(e.Identity.Seq, 10))
	m.Data = n.c.From.Wrap(nil, e)
	if size := natsSize(m); size > limit {
		n.c.Warn(fmt.Errorf("nats: record %s is %d bytes as a message, and the server takes %d: a record with too_large "+
			"is published in its place", ID(e.Identity), size, limit))
		bytes := len(e.Line)
		e.Line = natsStandIn(e, limit)
		m.Data = n.c.From.Wrap(nil, e)
		m.Header.Set("Lodoor-Too-Large", strconv.Itoa(bytes))
	}
	return m
}

// natsStandIn is a record without what it says: its number and its chain are those of the one that is too large, so that
// what follows can be checked.
func natsStandIn(e journal.Entry, limit int) []byte {
	line := fmt.Appendf(nil, `{"seq":%d,"time":"%s","event":"%s","too_large":{"bytes":%d,"limit":%d}`, e.Identity.Seq,
		e.Record.Time.UTC().Format(natsRecordTime), e.Record.Event, len(e.Line), limit)
	if i := bytes.LastIndex(e.Line, []byte(natsChainKey)); i >= 0 {
		return append(line, e.Line[i:]...)
	}
	return append(line, '}')
}

// natsSize is how many bytes a message has for the server's max_payload, with room for what is added to it.
func natsSize(m *nats.Msg) int {
	size := len(m.Data) + natsRoom
	for name, values := range m.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	return size
}

// natsIdentity is what the headers of a message say.
func natsIdentity(h nats.Header) (flow.Identity, error) {
	id := flow.Identity{Journal: h.Get(natsJournal), Epoch: h.Get(natsEpoch)}
	if id.Journal == "" || id.Epoch == "" {
		return flow.Identity{}, errors.New("it has no headers " + natsJournal + " and " + natsEpoch)
	}
	seq, err := strconv.ParseUint(h.Get(natsSeq), 10, 64)
	if err != nil || seq == 0 {
		return flow.Identity{}, fmt.Errorf("its header %s is %.32q", natsSeq, h.Get(natsSeq))
	}
	id.Seq = seq
	return id, nil
}
