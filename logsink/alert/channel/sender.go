package channel

import (
	"context"
	"errors"

	"github.com/lodoor/lodoor/proxy/flow"
)

// sender is one way to a person. It makes one attempt at a time.
type sender interface {
	// send makes one attempt, and gives up soon when ctx is done. An error that is final says that another is of no use.
	// No error has a secret in it.
	send(ctx context.Context, m *message) error
}

// message is an alert as it leaves the machine.
type message struct {
	payload
	record *flow.Record
	body   []byte // the payload as JSON
}

// key tells messages apart, and is the same in each attempt at one.
func (m *message) key() string {
	if m.Identity == nil {
		return ""
	}
	return m.Identity.word()
}

// refusal is a failure that another attempt does not mend.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }
func (refusal) final() bool     { return true }

// partial is a refusal by some, while others have the message.
type partial struct{ refusal }

// isFinal says whether trying again is of no use.
func isFinal(err error) bool {
	var f interface{ final() bool }
	return errors.As(err, &f) && f.final()
}
