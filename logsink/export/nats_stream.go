package export

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// What a stream that lodoor creates keeps at most.
	natsMaxAge   = 30 * 24 * time.Hour
	natsMaxBytes = 4 << 30
	// smallestNATSLimit is more than what stands in the place of a record that is too large.
	smallestNATSLimit = 4 << 10
	// widestWindow is more than what a round trip in one data centre lasts, and bounds what one answer is waited for.
	widestWindow = 512
)

// resume learns from the stream what it has of the journal.
func (l *natsLink) resume(ctx context.Context, s NATSSettings) (flow.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	stream, err := l.find(ctx, s)
	if err != nil {
		return flow.Identity{}, err
	}
	if err := l.use(stream.CachedInfo().Config); err != nil {
		return flow.Identity{}, fmt.Errorf("stream %s: %w", s.Stream, err)
	}
	last, err := stream.GetLastMsgForSubject(ctx, l.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return flow.Identity{}, nil
	}
	if err != nil {
		return flow.Identity{}, fmt.Errorf("read the last message of %s: %w", l.subject, l.explain(err))
	}
	id, err := natsIdentity(last.Header)
	if err == nil && id.Journal != l.journal {
		err = fmt.Errorf("it is of journal %q", id.Journal)
	}
	if err != nil {
		return flow.Identity{}, fmt.Errorf("message %d of stream %s, the last of %s, is not ours: %w: somebody else "+
			"publishes there", last.Sequence, s.Stream, l.subject, err)
	}
	l.last, l.before = last.Sequence, id
	return id, nil
}

// find returns the stream, which it creates when that was asked for.
func (l *natsLink) find(ctx context.Context, s NATSSettings) (jetstream.Stream, error) {
	stream, err := l.js.Stream(ctx, s.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if !s.Create {
			return nil, fmt.Errorf("there is no stream %s: expected create: true, or a stream made with: %s", s.Stream,
				natsStreamCommand(s))
		}
		stream, err = l.js.CreateStream(ctx, jetstream.StreamConfig{
			Name: s.Stream, Description: "Records of lodoor's journals", Subjects: []string{s.Subject + ".*"},
			Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
			MaxAge: natsMaxAge, MaxBytes: natsMaxBytes, Replicas: 1,
		})
		if err != nil {
			return nil, fmt.Errorf("create stream %s: %w", s.Stream, l.explain(err))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("look for stream %s: %w", s.Stream, l.explain(err))
	}
	return stream, nil
}

// natsStreamCommand is what a person types instead of create.
func natsStreamCommand(s NATSSettings) string {
	return fmt.Sprintf("nats stream add %s --subjects '%s.*' --storage file --retention limits --discard old "+
		"--max-age %dd --max-bytes %d --defaults", s.Stream, s.Subject, natsMaxAge/(24*time.Hour), natsMaxBytes)
}

// use takes what matters of the stream's configuration, and refuses streams that would not tell us what they have.
func (l *natsLink) use(c jetstream.StreamConfig) error {
	switch {
	case c.NoAck:
		return errors.New("it has no_ack: expected one that acknowledges messages")
	case c.Retention != jetstream.LimitsPolicy:
		return fmt.Errorf("its retention is %s: expected limits, since its last message of a journal says where to go on",
			strings.ToLower(c.Retention.String()))
	case c.Mirror != nil || c.Sealed:
		return errors.New("it is a mirror or sealed: expected one that can be published to")
	case c.SubjectTransform != nil:
		return errors.New("it changes the subjects: expected one without a subject transform")
	}
	l.limit = int(l.conn.MaxPayload())
	if c.MaxMsgSize > 0 {
		l.limit = min(l.limit, int(c.MaxMsgSize))
	}
	if l.limit < smallestNATSLimit {
		return fmt.Errorf("messages have at most %d bytes: expected a max_payload and a max_msg_size of at least %d",
			l.limit, smallestNATSLimit)
	}
	l.widest = widestWindow
	if c.Replicas > 1 {
		// A replicated stream remembers the id of a message that it refused, and takes it for a duplicate until the
		// duplicate window is over. One message at a time is refused only when something is wrong.
		l.widest = 1
	}
	return nil
}
