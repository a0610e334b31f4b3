package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// runFlags are the command line of run, and of what looks at the same configuration without running it.
type runFlags struct {
	set      *pflag.FlagSet
	config   string
	listen   []string
	backend  string
	name     string
	protocol string
	tls      string
	rules    rules.Flags
	portFile string
	quiet    bool
	chosen   map[string]uint16 // the ports of services without a front, by their names
	running  bool              // a door is open with what was loaded before: a reload may not take all of its services away
}

// settingFlags are the flags that stand for a setting: the key is the setting's name in a file.
func settingFlags() map[string]string {
	return map[string]string{
		"journal": "journal.dir", "durability": "journal.durability", "enforce": "enforce", "tripwire": "tripwire",
		"record": "record.dir", "log-format": "log.format", "log-level": "log.level", "instance": "instance",
		"webhook-file": "alerts.webhook_file", "allow-remote-backend": "allow_remote_backend", "drain": "shutdown.drain",
		"lane": "lane.kind", "operations": "operations.record", "ring": "record.ring",
	}
}

func (f *runFlags) register(set *pflag.FlagSet) {
	f.set = set
	set.SortFlags = false
	set.StringArrayVar(&f.listen, "listen", nil, "`ADDRESS` of the door, as [HOST:]PORT or unix:/PATH; repeatable")
	set.StringVar(&f.backend, "backend", "", "`ADDRESS` of the service behind it, in the same form")
	set.StringVar(&f.name, "name", "", "`NAME` of that service")
	set.StringVar(&f.protocol, "protocol", "", "`WORD` for what the services speak, when their ports do not tell: redis, http, …; none has no gate")
	set.StringVar(&f.tls, "tls", "", "`WORD` for what becomes of clients that want to encrypt: pass, or decline, so that what they ask can be read")
	f.registerConfig(set)
	set.Var(f.rules.Value(rules.ActionAllow), "allow", "let in peers of a `ZONE|CIDR`; repeatable, the first match wins")
	set.Var(f.rules.Value(rules.ActionDeny), "deny", "refuse peers of a `ZONE|CIDR`; repeatable, the first match wins")
	f.setting("enforce", "on|observe", "on", "observe lets in, and records what on would refuse")
	f.setting("tripwire", "bool", "", "watch the same port on this host's other addresses, only to refuse and alert")
	f.setting("allow-remote-backend", "bool", "", "let the service be on another host")
	f.setting("journal", "DIR|off", "", "where the journal is kept; without it in the user's state folder")
	f.setting("instance", "NAME", "", "of the journal there; without it made of the doors' addresses")
	f.setting("durability", "WORD", "process", "what an open's record outlives before the backend is dialled: "+
		"none, process (a kill of lodoor) or disk (a power cut)")
	f.setting("record", "DIR", "", "keep what is sent in pcapng files, passwords overwritten where the protocol is known")
	f.setting("ring", "DURATION", "", "with --record: keep the last so much in memory, and write it when an alert fires")
	f.setting("operations", "WORD", "off", "record what clients ask: off, slow, sample or all")
	f.setting("webhook-file", "FILE", "", "file with the URL that alerts are sent to (or LODOOR_WEBHOOK)")
	f.setting("log-format", "FORMAT", "auto", "of session lines: console, json, or auto (console on a terminal)")
	f.setting("log-level", "LEVEL", "info", "of messages: debug, info, warn or error")
	f.setting("lane", "WORD", "auto", "how bytes move: auto, loop (event loops, Linux) or copy (goroutines)")
	f.setting("drain", "DURATION", "10s", "how long sessions may go on after the end was asked for")
	set.StringVar(&f.portFile, "port-file", "", "write the doors' addresses to `FILE` once they are open")
	set.BoolVarP(&f.quiet, "quiet", "q", false, "show only refusals, alerts and trouble")
}

// registerForLook is register for commands that look at a configuration: they take the same flags, also those that
// change nothing there.
func (f *runFlags) registerForLook(set *pflag.FlagSet) {
	f.register(set)
	for _, name := range []string{"port-file", "quiet"} {
		set.Lookup(name).Hidden = true
	}
}

func (f *runFlags) setting(name, kind, value, usage string) {
	flag := f.set.VarPF(&setting{value, kind}, name, "", usage)
	if kind == "bool" {
		flag.NoOptDefVal = "true"
	}
}

// setting is a flag whose value is read like those of the environment, so that what is wrong is told in the same words.
type setting struct{ value, kind string }

func (s *setting) Set(value string) error { s.value = value; return nil }
func (s *setting) String() string         { return s.value }
func (s *setting) Type() string           { return s.kind }

func (f *runFlags) registerConfig(set *pflag.FlagSet) {
	set.StringVar(&f.config, "config", "", "`FILE` in YAML, TOML or JSON (or LODOOR_CONFIG, ~/.config/lodoor/, /etc/lodoor/)")
}

// load merges defaults, file, environment and command line into a checked configuration with every front chosen.
func (f *runFlags) load(args []string) (*configs.Loaded, error) {
	services, err := f.services(args)
	if err != nil {
		return nil, usageError(err)
	}
	loaded, err := configs.Load(configs.LoadOptions{
		File: f.config, Flags: configs.FlagsOf(f.set, settingFlags()), Services: services, Rules: f.rules.Rules(),
		RequireServices: f.running,
	})
	if err != nil {
		return nil, f.loadError(err, args)
	}
	return loaded, f.chooseFronts(&loaded.Config)
}

// services are those of the command line, with the protocol that is given for them.
func (f *runFlags) services(args []string) ([]configs.Service, error) {
	services, err := f.typedServices(args)
	if err != nil {
		return nil, err
	}
	if len(services) == 0 && f.protocol+f.tls != "" {
		return nil, errors.New("--protocol and --tls are about services of the command line; those of a file have protocol: and tls: there")
	}
	var protocol configs.Protocol
	if f.protocol != "" && f.protocol != "none" {
		if err := protocol.UnmarshalText([]byte(f.protocol)); err != nil {
			return nil, fmt.Errorf("--protocol: %w, none", err)
		}
	}
	var tls configs.TLS
	if f.tls != "" {
		if err := tls.UnmarshalText([]byte(f.tls)); err != nil {
			return nil, fmt.Errorf("--tls: %w", err)
		}
	}
	for i := range services {
		services[i].TLS = tls
		if f.protocol != "" {
			services[i].Protocol = protocol
		}
	}
	return services, nil
}

// typedServices are the services as they were typed.
func (f *runFlags) typedServices(args []string) ([]configs.Service, error) {
	services, err := configs.ParseRuns(args)
	if err != nil {
		return nil, err
	}
	long := len(f.listen) > 0 || f.backend != "" || f.name != ""
	switch {
	case !long:
		return services, nil
	case len(args) > 0:
		return nil, errors.New("--listen, --backend and --name describe one service; they do not go with the short form")
	case f.backend == "":
		return nil, errors.New("--listen needs --backend ADDRESS: the service behind the door")
	}
	s, err := f.longForm()
	return []configs.Service{s}, err
}

// longForm is the service of --listen, --backend and --name.
func (f *runFlags) longForm() (configs.Service, error) {
	backend, err := flow.ParseEndpoint(f.backend)
	if err != nil {
		return configs.Service{}, fmt.Errorf("--backend: %w", err)
	}
	var listen configs.Endpoints
	for _, l := range f.listen {
		e, err := flow.ParseEndpoint(l)
		if err != nil {
			return configs.Service{}, fmt.Errorf("--listen: %w", err)
		}
		listen = append(listen, e)
	}
	return configs.NewService(f.name, listen, backend), nil
}

// chooseFronts gives services without a front the first ports that are free, and at a reload those that it gave them
// before.
func (f *runFlags) chooseFronts(c *configs.Config) error {
	if f.chosen == nil {
		f.chosen = make(map[string]uint16)
	}
	for i := range c.Services {
		s := &c.Services[i]
		if len(s.Listen) > 0 {
			continue
		}
		if f.chosen[s.Name] == 0 {
			port, ok := nextFree(firstFront, c.Services)
			if !ok {
				return fmt.Errorf("service %s: no port from %d upward is free on 127.0.0.1 and ::1; name one", s.Name, firstFront)
			}
			f.chosen[s.Name] = port
		}
		s.Listen = configs.Endpoints{{Port: f.chosen[s.Name]}}
	}
	return nil
}
