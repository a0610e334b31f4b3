package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
	"github.com/lodoor/lodoor/proxy/peer"
)

// Bounds of the first message.
const (
	shownAddresses = 4    // addresses that are not watched and are named; a host with containers has dozens
	fewSessions    = 1000 // a limit below it is told: a pool of clients can reach it
)

// greeting says, once the doors are open, what a person wants to know in the first minute.
func (d *door) greeting(color bool) string {
	s := &sheet{label: len("behind it"), color: color}
	for i := range d.config.Services {
		s.label = min(max(s.label, len(d.config.Services[i].Name)), 16)
	}
	fmt.Fprintf(s, "lodoor %s\n\n", version())
	for i := range d.config.Services {
		d.greetService(s, &d.config.Services[i])
		s.WriteByte('\n')
	}
	d.greetJournal(s)
	s.row("alerts", d.alertWords())
	if words := d.config.Record.Warning(); words != "" {
		s.row("recording", words)
	}
	if words := d.operationWords(); words != "" {
		s.row("operations", words)
	}
	d.greetLimits(s)
	s.WriteByte('\n')
	return s.String()
}

func (d *door) greetService(s *sheet, svc *configs.Service) {
	fronts := d.server.Fronts(svc.Name)
	s.head(svc.Name, together(fronts)+" -> "+backendName(svc.Backend))
	holder := findHolder(svc.Backend)
	s.row("behind it", d.behind(svc, holder))
	s.row("lets in", d.rules.Summary(svc.Name))
	if words := gateWords(svc); words != "" {
		s.row("gate", words)
	}
	if svc.TLS == configs.TLSDecline {
		s.row("tls", "clients are told that there is none, so that what they ask can be read")
	}
	if p := svc.ProxyProtocol; p != nil {
		s.row("header", headerWords(p))
	}
	if len(fronts) > 0 {
		s.line("try", tryLine(kindOf(svc, holder), plainFront(svc, fronts)))
	}
	if own := unwatched(fronts); own != "" && d.config.TripwireOn(svc) {
		s.row("tripwire", own+": a knock there is refused and alerted; a port scanner sees an open port")
	}
}

// headerWords say where a PROXY header is expected.
func headerWords(p *configs.ProxyProtocol) string {
	if len(p.Listen) == 0 {
		return "a PROXY protocol header is expected of every client"
	}
	return "a PROXY protocol header is expected at " + together(p.Listen) + ", and refused elsewhere"
}

// together are addresses, as a sentence names them.
func together(endpoints []flow.Endpoint) string {
	names := make([]string, 0, len(endpoints))
	for _, e := range endpoints {
		names = append(names, e.String())
	}
	return strings.Join(names, " and ")
}

// plainFront is the first front at which no PROXY header is expected; the first one when there is none such.
func plainFront(svc *configs.Service, fronts []flow.Endpoint) flow.Endpoint {
	if p := svc.ProxyProtocol; p != nil && len(p.Listen) > 0 {
		plain := func(f flow.Endpoint) bool {
			return !slices.ContainsFunc(p.Listen, func(e flow.Endpoint) bool { return e.Port == f.Port && e.Path == f.Path })
		}
		if i := slices.IndexFunc(fronts, plain); i >= 0 {
			return fronts[i]
		}
	}
	return fronts[0]
}

// operationWords say which operations become records; empty when none do.
func (d *door) operationWords() string {
	o := &d.config.Operations
	switch o.Record {
	case operations.All:
		return "all that clients ask is recorded, " + statementWords(d.config.Privacy.Statements)
	case operations.Slow:
		return fmt.Sprintf("what clients ask and takes %s or fails is recorded, %s", configs.FormatDuration(o.SlowerThan),
			statementWords(d.config.Privacy.Statements))
	case operations.Sample:
		return fmt.Sprintf("one in %d of what clients ask, and what fails, is recorded, %s", o.Sample,
			statementWords(d.config.Privacy.Statements))
	}
	return ""
}

func statementWords(s flow.Statements) string {
	switch s {
	case flow.StatementsText:
		return "values included, passwords not"
	case flow.StatementsOff:
		return "what kind it is and no more"
	}
	return "without values"
}

// gateWords says what does not get through; empty when everything does.
func gateWords(svc *configs.Service) string {
	switch {
	case !svc.GateOn() || svc.Protocol == configs.ProtocolUnset || svc.Protocol == configs.ProtocolAuto:
		return ""
	case svc.Protocol == configs.ProtocolHTTP:
		return "requests for other hosts, and from other pages, are refused"
	default:
		return "HTTP, as from a page in a browser, is refused"
	}
}

// behind says who holds a backend now.
func (d *door) behind(svc *configs.Service, holder origin.Holder) string {
	switch {
	case holder.Err != nil && d.config.RemoteBackendOn(svc):
		return "perhaps another host, as --allow-remote-backend permits"
	case holder.Err == nil && !holder.Listening:
		return "nobody: nothing listens on " + backendName(svc.Backend) + " yet"
	case holder.Foreign:
		return holder.String() + "; root is told which"
	default:
		return holder.String()
	}
}

// backendName is the backend as people call it.
func backendName(e flow.Endpoint) string {
	if e.Host == "" && !e.IsUnix() {
		return "localhost:" + e.String()
	}
	return e.String()
}

// greetJournal says where the journal is and how much it may take.
func (d *door) greetJournal(s *sheet) {
	if d.journal == nil {
		s.row("journal", "off: nothing is kept")
		return
	}
	j := d.journal.Settings()
	s.line("journal", d.journal.Dir())
	s.row("", fmt.Sprintf("up to %s and %s, %s of disk left free, durability %s",
		j.MaxSize.Human(), configs.FormatDuration(j.MaxAge), j.KeepFree.Human(), j.Durability))
}

// alertWords say where alerts go.
func (d *door) alertWords() string {
	where := []string{"here"}
	if d.journal != nil {
		where = append(where, "in the journal")
	}
	if len(d.channels) > 0 {
		kinds := make([]string, len(d.channels))
		for i, c := range d.channels {
			kinds[i] = strings.TrimPrefix(c.Name(), "alert-")
		}
		return strings.Join(where, ", ") + " and by " + strings.Join(kinds, ", ")
	}
	return strings.Join(where, " and ") + "; --webhook-file FILE sends them on"
}

// greetLimits says what this system does not allow, and how to get it.
func (d *door) greetLimits(s *sheet) {
	d.greetUnwatched(s)
	if n := d.server.Capacity(); n < fewSessions {
		s.row("sessions", fmt.Sprintf("at most %d at once: two descriptors each, and no more are allowed; "+
			"'ulimit -Hn 65536' before the start, or LimitNOFILE= of a unit, allows more", n))
	}
	if name, ok := origin.InContainer(); ok {
		s.row("container", "this is one ("+name+"): if its ports are published, who comes from 127.0.0.1 may be anybody; "+
			"publish them on the host's 127.0.0.1 alone")
	}
	for _, m := range d.without() {
		s.row("without", m)
	}
}

// greetUnwatched names the addresses at which a knock goes unseen, once for all services of which the same is true.
func (d *door) greetUnwatched(s *sheet) {
	var texts []string
	services := make(map[string][]string)
	for i := range d.config.Services {
		svc := &d.config.Services[i]
		text := unwatched(d.server.Fronts(svc.Name))
		if text == "" || d.config.TripwireOn(svc) {
			continue
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
		services[text] = append(services[text], svc.Name)
	}
	for _, text := range texts {
		of := ""
		if len(services[text]) < len(d.config.Services) {
			of = " (" + strings.Join(services[text], ", ") + ")"
		}
		s.row("unwatched", text+of+": the kernel refuses knocks there unseen; --tripwire watches")
	}
}

// unwatched lists the own addresses at which the service's ports are not listened on, unless by a tripwire.
func unwatched(fronts []flow.Endpoint) string {
	own, err := peer.OwnAddresses()
	if err != nil {
		return ""
	}
	tcp, any4, any6 := false, false, false
	for _, e := range fronts {
		a, ok := e.Addr()
		tcp = tcp || ok
		any4 = any4 || (ok && a.IsUnspecified())
		any6 = any6 || (ok && a.IsUnspecified() && a.Is6())
	}
	var names []string
	for _, a := range own {
		watched := (a.Is4() && any4) || (a.Is6() && any6)
		if tcp && !watched && !a.IsLinkLocalUnicast() {
			names = append(names, a.String())
		}
	}
	if more := len(names) - shownAddresses; more > 1 {
		names = append(names[:shownAddresses], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}
