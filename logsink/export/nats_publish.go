package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lodoor/lodoor/logsink/journal"
)

// windowBytes is how much is on its way at once, so that a slow line gets answers in time.
const windowBytes = 1 << 20

// errNATSMoved says that the subject's end is not where we thought.
var errNATSMoved = errors.New("the subject has a message that we did not know of: an attempt of ours that arrived late, " +
	"or one of somebody else; looking again")

// deliver publishes entries, several at once. How the order is kept:
//
// The first message of a window names the number of the subject's last message (Nats-Expected-Last-Subject-Sequence),
// which is known. The numbers of those behind it are not, since other journals use the stream, too; each of them names
// the message id before it instead (Nats-Expected-Last-Msg-Id), which is that of the stream's last message, of any
// subject. So each message is stored directly behind its predecessor or not at all: what is stored of a window is its
// beginning. When another journal's message came between, the rest is refused, and is published again as a new window.
//
// A message that was given up and arrives late, on whatever connection, names a predecessor that is no longer the
// last one, and is refused; or it is the next one, and belongs there.
func (l *natsLink) deliver(ctx context.Context, entries []journal.Entry, message natsMessage) (int, error) {
	defer context.AfterFunc(ctx, l.wire.cut)()
	if len(entries) == 0 {
		return 0, nil
	}
	if err := l.check(ctx, entries[0].Identity); err != nil {
		return 0, cmp.Or(ctx.Err(), l.explain(err))
	}
	for done := 0; ; {
		if done += l.passed(entries[done:]); done == len(entries) {
			return done, nil
		}
		sent, err := l.send(entries[done:min(done+l.window, len(entries))], message)
		if err != nil {
			return done, cmp.Or(ctx.Err(), l.explain(err))
		}
		taken, err := l.collect(ctx, sent)
		done += taken
		if err != nil {
			return done, cmp.Or(ctx.Err(), l.explain(err))
		}
		if taken == len(sent) {
			l.window = min(2*l.window, l.widest)
		} else {
			l.window = taken
		}
	}
}

// natsMessage makes a message of at most limit bytes.
type natsMessage func(subject string, limit int, e journal.Entry) *nats.Msg

// send publishes a window.
func (l *natsLink) send(entries []journal.Entry, message natsMessage) ([]jetstream.PubAckFuture, error) {
	var sent []jetstream.PubAckFuture
	for i, size := 0, 0; i < len(entries) && size < windowBytes && !l.known.has(entries[i].Identity); i++ {
		e := entries[i]
		if e.Identity.Journal != l.journal {
			return nil, fmt.Errorf("record %s is not of journal %s", ID(e.Identity), l.journal)
		}
		m := message(l.subject, l.limit, e)
		m.Header.Set(nats.ExpectedStreamHdr, l.stream)
		if i == 0 {
			m.Header.Set(nats.ExpectedLastSubjSeqHdr, strconv.FormatUint(l.last, 10))
		} else {
			m.Header.Set(nats.ExpectedLastMsgIdHdr, ID(entries[i-1].Identity))
		}
		future, err := l.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
		if err != nil {
			return nil, fmt.Errorf("publish record %d: %w", e.Identity.Seq, err)
		}
		sent = append(sent, future)
		size += len(m.Data)
	}
	return sent, nil
}

// collect waits for the answers to a window and says how many of its messages, from the first on, are stored. All
// answers are waited for, since the next window must not overtake this one. An error may leave some unknown.
func (l *natsLink) collect(ctx context.Context, sent []jetstream.PubAckFuture) (int, error) {
	timer := time.NewTimer(l.timeout)
	defer timer.Stop()
	taken := 0
	var refused *jetstream.APIError
	for _, future := range sent {
		timer.Reset(l.timeout)
		ack, err := l.answer(ctx, future, timer.C)
		var refusal *jetstream.APIError
		switch {
		case errors.As(err, &refusal):
			if refused == nil {
				refused = refusal
			}
		case err != nil:
			return taken, err
		case ack.Duplicate, refused != nil:
			// A duplicate is in the stream, or was: only the stream can say.
			return taken, errNATSMoved
		default:
			taken++
			l.last = ack.Sequence
		}
	}
	if refused == nil || taken > 0 && refused.ErrorCode == natsWrongLastMsgID {
		return taken, nil
	}
	return taken, refused
}

// natsWrongLastMsgID is the server's JSStreamWrongLastMsgIDErrF, which the library has no name for.
const natsWrongLastMsgID jetstream.ErrorCode = 10070

// answer waits for one answer.
func (l *natsLink) answer(ctx context.Context, f jetstream.PubAckFuture, late <-chan time.Time) (*jetstream.PubAck,
	error,
) {
	select {
	case ack := <-f.Ok():
		return ack, nil
	case err := <-f.Err():
		return nil, err
	case <-l.gone.Done():
		return nil, errors.New("the connection was lost")
	case <-late:
		return nil, fmt.Errorf("no answer within %v", l.timeout)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// explain adds to an error of the library what a person can do about it.
func (l *natsLink) explain(err error) error {
	var refusal *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("JetStream does not answer: expected a server whose configuration has jetstream, and an account "+
			"that may use it: %w", err)
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return fmt.Errorf("no stream takes subject %s: expected it among the subjects of stream %s: %w", l.subject,
			l.stream, err)
	case errors.As(err, &refusal) && (refusal.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		refusal.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return fmt.Errorf("%w (%s)", errNATSMoved, refusal.Description)
	}
	// What the server forbids, it does not answer: it tells the connection, as the network does when it is cut.
	if said := l.conn.LastError(); said != nil && !errors.Is(err, said) {
		return fmt.Errorf("%w (%w)", err, said)
	}
	return err
}
