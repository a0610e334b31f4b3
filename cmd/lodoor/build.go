package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/logsink/alert/channel"
	"github.com/lodoor/lodoor/logsink/export"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/gate"
	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/origin"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
	"github.com/lodoor/lodoor/proxy/peer"
	"github.com/lodoor/lodoor/proxy/proxyproto"
	"github.com/lodoor/lodoor/rules"
)

// mostLoops is how many event loops there are without a setting, at most.
const mostLoops = 4

// door is a lodoor put together. This file is the only place that turns configuration into parts.
type door struct {
	started    time.Time
	inForce    sync.Mutex // guards config, rules, source and hash, which a reload replaces
	config     *configs.Config
	rules      *rules.Set
	source     string // of the configuration
	hash       string // of the configuration
	say        *messages
	peers      *peer.Identifier
	resolver   *origin.Resolver // nil: processes are not looked for
	journal    *journal.Journal // nil: --journal off
	own        []journal.Entry  // what the journal wrote before there was a log
	doomed     chan error       // holds why the door has to end: the journal cannot be written, and on_full says stop
	alerts     *alert.Alerts
	channels   []*channel.Delivery
	summary    *terminal.Summary
	log        *logsink.Log
	host       flow.Host
	feeds      feeds
	metrics    *export.Metrics // nil: none are exported
	recorder   *pcapng.Recorder
	wire       *pcapng.Wire // nil: what is recorded is rebuilt from the relay
	decoders   *wantedDecoders
	protocols  atomic.Pointer[map[string]string] // of the services, for decoders
	operations *operations.Log
	noted      sync.Map // what was said of services' protocols, which is said once
	server     *proxy.Server
	socket     *net.UnixListener // for commands; nil: there is none
	handed     []*os.File        // listening sockets, from whoever started lodoor
}

// output is where a door shows its sessions.
type output struct {
	sessions io.Writer
	color    bool
	json     bool
	quiet    bool
}

// buildDoor makes the parts and binds the fronts. On an error nothing is left open.
func buildDoor(loaded *configs.Loaded, out output, say *messages) (*door, error) {
	d := &door{
		started: time.Now(), config: &loaded.Config, rules: loaded.RuleSet, source: sourceOf(loaded),
		host: export.ThisHost(), say: say, doomed: make(chan error, 1),
	}
	if err := d.build(out); err != nil {
		d.abandon()
		return nil, err
	}
	d.hash = loaded.Hash()
	return d, nil
}

func (d *door) build(out output) (err error) {
	if err := d.buildOrigin(); err != nil {
		return err
	}
	if err := d.buildServer(); err != nil {
		return err
	}
	if err := d.server.Listen(); err != nil {
		return explainBind(err)
	}
	if err := d.buildWire(); err != nil {
		return err
	}
	if err := d.buildLog(); err != nil {
		return err
	}
	if err := d.buildSinks(out); err != nil {
		return err
	}
	d.socket = d.listenControl()
	return nil
}

// buildOrigin makes what finds out who peers are.
func (d *door) buildOrigin() (err error) {
	users := origin.NewUsers()
	if d.peers, err = peer.New(peer.Config{Users: users}); err != nil {
		return fmt.Errorf("prepare the proof of peers: %w", err)
	}
	forwarders, err := origin.NewForwarders(origin.ForwardersConfig{Extra: d.config.Forwarders, Zone: d.peers.ZoneOf})
	if err != nil {
		return configError(err)
	}
	if !d.config.Privacy.Processes {
		return nil
	}
	d.resolver, err = origin.NewResolver(origin.ResolverConfig{
		Users: users, Process: procfs.Options{CommandLine: d.config.Privacy.CommandLine}, Forwarder: forwarders.Of,
	})
	if err != nil {
		return fmt.Errorf("prepare the search for processes: %w", err)
	}
	return nil
}

// buildServer makes the server. It gets the log by way of the door, since the log needs the journal, which is opened
// only when the fronts are known to be free.
func (d *door) buildServer() error {
	moves, err := d.buildLane()
	if err != nil {
		return err
	}
	d.protocols.Store(protocolsOf(d.config))
	if err := d.buildRecorder(); err != nil {
		return err
	}
	d.buildOperations()
	services, err := d.services(d.config)
	if err != nil {
		return err
	}
	d.handed = activation.Files(true)
	config := proxy.Config{
		Services: services, Lane: moves, Identify: d.peers, Rules: d.rules, Log: (*doorLog)(d), Recorder: d.recorder, Decoder: d.decoders,
		Inherited: d.handed, Drain: d.config.Shutdown.Drain, Warn: d.say.warn, MustRecord: d.config.Journal.OnFull != journal.OnFullDrop,
	}
	if d.resolver != nil {
		config.Resolver = d.resolver
	}
	d.server, err = proxy.New(config)
	return err
}

// buildLane makes the lane that is wanted. The event loops write what their sessions have added to the log.
func (d *door) buildLane() (lane.Lane, error) {
	settings := d.config.Lane
	if settings.Kind == lane.KindCopy {
		return lane.NewCopy(lane.CopyConfig{})
	}
	loops, err := lane.NewLoop(lane.LoopConfig{
		Loops: makeRoom(settings.Loops), Spin: settings.BusyPoll, Turn: func() { d.log.Flush() },
	})
	switch {
	case err == nil:
		return loops, nil
	case errors.Is(err, errors.ErrUnsupported) && settings.Kind == lane.KindAuto:
		return lane.NewCopy(lane.CopyConfig{})
	default:
		return nil, fmt.Errorf("make the event loops: %w; raise the limit of descriptors (ulimit -n), or take --lane copy", err)
	}
}

// makeRoom says how many event loops there are to be, and sees to it that everything else has its own room beside
// them: a loop keeps its share of Go's scheduler while it waits for a short time.
func makeRoom(loops int) int {
	procs := runtime.GOMAXPROCS(0)
	if loops == 0 {
		loops = min(procs, runtime.NumCPU(), mostLoops)
	}
	if procs < loops+2 {
		runtime.GOMAXPROCS(loops + 2)
	}
	return loops
}

// doorLog is the door's log as the server sees it.
type doorLog door

func (l *doorLog) Append(r flow.Record, done func(flow.Identity, error)) { l.log.Append(r, done) }
func (l *doorLog) Add(r flow.Record, done func(flow.Identity, error))    { l.log.Add(r, done) }

// services turns the configuration's services into the server's.
func (d *door) services(c *configs.Config) ([]proxy.Service, error) {
	var own []netip.Addr
	services := make([]proxy.Service, 0, len(c.Services))
	for i := range c.Services {
		s := &c.Services[i]
		svc := proxy.Service{
			Name: s.Name, Fronts: s.Listen, Backend: s.Backend,
			Limits: s.Limits, Timeouts: s.Timeouts,
		}
		if err := d.guard(&svc, s); err != nil {
			return nil, err
		}
		if c.TripwireOn(s) {
			if own == nil {
				var err error
				if own, err = peer.OwnAddresses(); err != nil {
					return nil, fmt.Errorf("list own addresses for the tripwire: %w", err)
				}
			}
			svc.Tripwire = own
		}
		services = append(services, svc)
	}
	return services, nil
}

// guard gives a service what stands before its rules and behind them.
func (d *door) guard(svc *proxy.Service, s *configs.Service) error {
	if declines := s.TLS == configs.TLSDecline; s.GateOn() || declines {
		g, err := gate.New(gate.Config{
			Protocol: s.Protocol.String(), Service: s.Name, Settings: s.HTTP, DeclineTLS: declines, Open: !s.GateOn(),
		})
		if err != nil {
			return configError(err)
		}
		if g != nil {
			svc.Guard = g.Session
		}
	}
	if p := s.ProxyProtocol; p != nil {
		header, err := proxyproto.New(proxyproto.Config{Settings: p.Settings, Zone: d.peers.ZoneOf})
		if err != nil {
			return configError(fmt.Errorf("proxy_protocol of service %s: %w", s.Name, err))
		}
		svc.Header, svc.HeaderFronts = header, p.Listen
	}
	return nil
}

// buildLog opens the journal, and makes what stands before it and what reads it.
func (d *door) buildLog() error {
	settings, err := d.journalSettings()
	if err != nil {
		return err
	}
	if err := d.buildAlerts(settings.Dir); err != nil {
		return err
	}
	if err := d.openJournal(settings); err != nil { // it tells the alerts of trouble
		return err
	}
	return d.buildFeeds()
}

func (d *door) buildSinks(out output) error {
	names := make([]string, 0, len(d.config.Services))
	for _, s := range d.config.Services {
		names = append(names, s.Name)
	}
	show := terminal.Config{
		Out: out.sessions, Quiet: out.quiet, Format: terminal.Format{Color: out.color, Services: names},
	}
	if out.json {
		show.Encode = journal.NewEncoder().Append
	}
	console, err := terminal.New(show)
	if err != nil {
		return err
	}
	d.summary = &terminal.Summary{}
	sinks := append([]logsink.Sink{console, d.summary}, d.direct()...)
	config := logsink.Config{
		Alerts: d.alerts, Sinks: append(sinks, &blackBox{d.recorder, d.say}),
		Failed: func(sink string, err error) { d.say.warn(fmt.Sprintf("%s: %v; sessions go on", sink, err)) },
	}
	if d.journal != nil {
		config.Journal = d.journal
	}
	if d.log, err = logsink.New(config); err == nil {
		d.tellStart()
	}
	return err
}

// settle puts a configuration in force that was loaded.
func (d *door) settle(c *configs.Config, loaded *configs.Loaded) {
	d.inForce.Lock()
	defer d.inForce.Unlock()
	d.config, d.rules, d.source, d.hash = c, loaded.RuleSet, sourceOf(loaded), loaded.Hash()
	d.protocols.Store(protocolsOf(c))
	d.operations.Configure(c.Operations)
}

// configHash is that of the configuration in force.
func (d *door) configHash() string {
	d.inForce.Lock()
	defer d.inForce.Unlock()
	return d.hash
}

// configured is the configuration in force, for those who do not reload it.
func (d *door) configured() (*configs.Config, *rules.Set, string) {
	d.inForce.Lock()
	defer d.inForce.Unlock()
	return d.config, d.rules, d.source
}

// abandon closes what was opened by a start that failed.
func (d *door) abandon() {
	if d.socket != nil {
		_ = d.socket.Close()
	}
	if d.server != nil {
		d.server.Abandon()
	}
	if d.journal != nil {
		_ = d.journal.Close()
	}
	_ = d.feeds.abandon()
	if d.wire != nil {
		_ = d.wire.Close()
	}
	if d.recorder != nil {
		_ = d.recorder.Close()
	}
	if d.peers != nil {
		_ = d.peers.Close()
	}
}
