package replay

import (
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
)

// lookFor is how many events are looked at to see what a recording has.
const lookFor = 10_000

// Open opens a recording for a replay: as the backend saw it, so that times are its own, or, when only the clients' side was
// recorded, as they did. protocol is what the first client that said something spoke; empty when that is not known.
func Open(path string, o recording.Options) (r *recording.Reader, protocol string, err error) {
	o.Leg = recording.LegBoth
	if r, err = recording.Open(path, o); err != nil {
		return nil, "", fmt.Errorf("replay: %w", err)
	}
	o.Leg, protocol, err = look(r)
	if closed := r.Close(); err == nil && closed != nil {
		err = fmt.Errorf("close the recording: %w", closed)
	}
	if err != nil {
		return nil, "", fmt.Errorf("replay: %w", err)
	}
	if r, err = recording.Open(path, o); err != nil {
		return nil, "", fmt.Errorf("replay: %w", err)
	}
	return r, protocol, nil
}

// look sees whether the backend's leg was recorded, and what is spoken. What is wrong further on in a recording whoever
// plays it will see.
func look(r *recording.Reader) (leg recording.Leg, protocol string, err error) {
	leg = recording.LegFront
	for range lookFor {
		e, err := r.Next()
		if errors.Is(err, recording.ErrForeign) {
			return leg, "", err
		}
		if err != nil {
			break
		}
		if e.Kind == recording.Connected {
			leg = recording.LegBack
		}
		if e.Kind == recording.Data && e.Direction == flow.FromClient && protocol == "" {
			protocol = spoken(e.Payload)
		}
		if leg == recording.LegBack && protocol != "" {
			break
		}
	}
	return leg, protocol, nil
}

// spoken is the protocol that a client's first bytes are of; empty when nobody knows.
func spoken(first []byte) string {
	switch p := wire.Recognise(first); p {
	case "postgres", "mysql", "redis", "http":
		return p
	}
	return ""
}
