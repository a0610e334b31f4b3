package alert

import (
	"net/netip"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// environment is what an expression sees of a record. docs/alerts.md lists it, and a test holds the two together. What
// is not known is empty; numbers say how they show it.
type environment struct {
	Event       string             `expr:"event"`
	Service     string             `expr:"service"`
	Zone        string             `expr:"zone"`
	User        string             `expr:"user"`
	UID         int                `expr:"uid"` // -1 when it is not known: 0 is always root
	Attribution string             `expr:"attribution"`
	Program     string             `expr:"program"`
	Executable  string             `expr:"executable"`
	Container   string             `expr:"container"`
	Unit        string             `expr:"unit"`
	Forwarder   string             `expr:"forwarder"`
	Hour        int                `expr:"hour"`
	Weekday     string             `expr:"weekday"`
	Client      clientEnvironment  `expr:"client"`
	Rule        ruleEnvironment    `expr:"rule"`
	Refused     refusedEnvironment `expr:"refused"`
	Session     sessionEnvironment `expr:"session"`
	Error       errorEnvironment   `expr:"error"`
	Config      configEnvironment  `expr:"config"`
	Journal     journalEnvironment `expr:"journal"`
}

type clientEnvironment struct {
	Address string `expr:"address"`
	Port    int    `expr:"port"`
	Zone    string `expr:"zone"`
}

type ruleEnvironment struct {
	Name   string `expr:"name"`
	Action string `expr:"action"`
	Cause  string `expr:"cause"`
	Reason string `expr:"reason"`
}

type refusedEnvironment struct {
	Count    int  `expr:"count"`
	Distinct int  `expr:"distinct"`
	Tripwire bool `expr:"tripwire"`
}

type sessionEnvironment struct {
	End     string `expr:"end"`
	EndedBy string `expr:"ended_by"`
	Lane    string `expr:"lane"`
	Detail  string `expr:"detail"`
	// What follows is of a session.close whose counts are known; see measured.
	BytesFromClient  int           `expr:"bytes_from_client"`
	BytesFromBackend int           `expr:"bytes_from_backend"`
	Duration         time.Duration `expr:"duration"`
	Dial             time.Duration `expr:"dial"`
	FirstByte        time.Duration `expr:"first_byte"`
}

type errorEnvironment struct {
	Type string `expr:"type"`
}

type configEnvironment struct {
	Source string `expr:"source"`
	Error  string `expr:"error"`
}

type journalEnvironment struct {
	Count  int    `expr:"count"`
	Reason string `expr:"reason"`
}

// needs are what an expression uses that costs more than a copy, or that not every record has.
type needs uint8

const (
	needsClient   needs = 1 << iota // client.address, which is written out
	needsClock                      // hour, weekday
	needsMeasured                   // a number of a session that is over
)

// needsOf says what a field needs.
func needsOf(field string) needs {
	switch field {
	case "hour", "weekday":
		return needsClock
	case "client.address":
		return needsClient
	case "session.bytes_from_client", "session.bytes_from_backend", "session.duration", "session.dial",
		"session.first_byte":
		return needsMeasured
	default:
		return 0
	}
}

// measured says whether the numbers of a session are known. An expression that uses one is asked of no other record:
// what is not known must not compare as if it were 0.
func measured(r *flow.Record) bool {
	return r.Event == flow.EventSessionClose && r.Outcome != nil && r.Outcome.Known
}

// fill shows a record. The environment is used again and again.
func (e *environment) fill(r *flow.Record, n needs) {
	*e = environment{Event: r.Event.String(), Service: r.Service, UID: -1}
	if p := r.Peer; p != nil {
		e.peer(p, n)
	}
	if o := r.Origin; o != nil {
		e.origin(o)
	}
	if v := r.Verdict; v != nil {
		e.Rule = ruleEnvironment{v.Rule, v.Action.String(), v.Cause.String(), v.Reason}
	}
	if f := r.Refusal; f != nil {
		e.Refused = refusedEnvironment{int(max(1, f.Count)), int(f.Distinct), f.Tripwire}
	}
	if o := r.Outcome; o != nil {
		e.outcome(o)
	}
	if c := r.Config; c != nil {
		e.Config = configEnvironment{c.Source, c.Error}
	}
	if j := r.Journal; j != nil {
		e.Journal = journalEnvironment{int(j.Count), j.Reason}
	}
	if n&needsClock != 0 {
		local := r.Time.Local()
		e.Hour, e.Weekday = local.Hour(), strings.ToLower(local.Weekday().String())
	}
}

func (e *environment) peer(p *flow.Peer, n needs) {
	e.Zone = p.Zone.String()
	client, zone := p.Addr, p.Zone
	if c := p.Conveyed; c != nil {
		client, zone = c.Client, c.Zone
	}
	e.Client.Port, e.Client.Zone = int(client.Port()), zone.String()
	if n&needsClient != 0 {
		e.Client.Address = addressText(client)
	}
}

func (e *environment) origin(o *flow.Origin) {
	e.Attribution, e.Program = o.Attribution.String(), o.Program
	if o.Known() {
		e.User, e.UID = o.User, int(o.UID)
	}
	if p := o.Process; p != nil {
		e.Executable, e.Container, e.Unit = p.Executable.Path, p.Container.ID, p.Unit
	}
	if f := o.Forwarder; f != nil {
		e.Forwarder = f.Name
	}
}

func (e *environment) outcome(o *flow.Outcome) {
	e.Session = sessionEnvironment{End: o.End.String(), EndedBy: o.EndedBy.String(), Lane: o.Lane, Detail: o.Detail}
	if o.Known {
		e.Session.BytesFromClient, e.Session.BytesFromBackend = int(o.FromClient), int(o.FromBackend)
		e.Session.Duration, e.Session.Dial, e.Session.FirstByte = o.Duration, o.Dial, o.FirstByte
	}
	if v := o.Refused; v != nil {
		e.Rule = ruleEnvironment{v.Rule, v.Action.String(), v.Cause.String(), v.Reason}
	}
	if failed(o.End) {
		e.Error.Type = e.Session.End
	}
}

// failed says whether a record of this end has error.type, as docs/record-format.md has it: what lodoor or a person
// decided is no error.
func failed(end flow.End) bool {
	switch end {
	case flow.EndUnknown, flow.EndFIN, flow.EndClientGone, flow.EndDenied, flow.EndDrain, flow.EndKilled:
		return false
	default:
		return true
	}
}

func addressText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr().Unmap().WithZone("").String()
}
