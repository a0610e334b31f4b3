package replay

import (
	"fmt"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
)

// lookFor is how many events are looked at for one of the backend's leg.
const lookFor = 10_000

// Open opens a recording for a replay: as the backend saw it, so that times are its own, or, when only the clients' side was
// recorded, as they did.
func Open(path string, o recording.Options) (*recording.Reader, error) {
	o.Leg = recording.LegBoth
	r, err := recording.Open(path, o)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	o.Leg = recording.LegFront
	for range lookFor {
		e, err := r.Next()
		if err != nil {
			break // whoever plays it will see
		}
		if e.Kind == recording.Connected {
			o.Leg = recording.LegBack
			break
		}
	}
	if err := r.Close(); err != nil {
		return nil, fmt.Errorf("replay: close the recording: %w", err)
	}
	r, err = recording.Open(path, o)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return r, nil
}
