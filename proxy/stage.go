package proxy

import "github.com/lodoor/lodoor/proxy/flow"

// How far a session is, as far as others have to know: its stage.
const (
	stageExamined uint32 = iota // it may be refused: nothing is told of it
	stageOpen                   // the open record is on its way
	stageRunning                // the backend is connected
	stageOver                   // the close record is on its way; set with the table's lock held
)

// open says whether the session has an open record and not yet a close record.
func (x *session) open() bool {
	stage := x.stage.Load()
	return stage == stageOpen || stage == stageRunning
}

// givenUp says whether nobody waits for the backend any more.
func (x *session) givenUp() bool {
	return x.server().sessions.condemned(x) != flow.EndUnknown || gone(x.client)
}
