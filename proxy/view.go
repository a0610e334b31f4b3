package proxy

import (
	"net/netip"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// View is what can be told of an open session.
type View struct {
	ID       flow.SessionID
	Service  string
	Accepted time.Time
	Peer     flow.Peer
	Origin   flow.Origin
	Backend  flow.Endpoint // as configured
	// Running says that the backend is connected; what follows means something only then.
	Running bool
	// Leg is the backend connection's own address, which the backend sees as its client; not valid for Unix sockets.
	Leg netip.AddrPort
	// FromClient and FromBackend are the bytes read from each side so far.
	FromClient, FromBackend uint64
}

// Sessions are the open sessions, the oldest first: those that have an open record and not yet a close record.
func (s *Server) Sessions() []View {
	all := s.sessions.all()
	views := make([]View, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].open() {
			views = append(views, all[i].view())
		}
	}
	return views
}

func (x *session) view() View {
	v := View{
		ID: x.id, Service: x.settings.service.name, Accepted: x.accepted,
		Peer: x.peer(), Origin: x.who.Load().origin, Backend: x.settings.Backend,
	}
	running := x.stage.Load() >= stageRunning // before the lane's hold: that of a connect is not told
	if control, backend := x.server().sessions.hold(x); running && control != nil {
		v.Running, v.Leg = true, plain(backend.Local())
		v.FromClient, v.FromBackend = control.Counts()
	}
	return v
}

// Kill ends an open session with a reset on both legs, and says whether there is one of that name.
func (s *Server) Kill(id flow.SessionID) bool {
	for _, x := range s.sessions.all() {
		if x.id == id && x.open() {
			x.kill(flow.EndKilled)
			return true
		}
	}
	return false
}
