package main

import (
	"errors"
	"fmt"
	"strings"

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
	rules    rules.Flags
	portFile string
	quiet    bool
	running  bool // a door is open with what was loaded before: a reload may not take all of its services away
}

// settingFlags are the flags that stand for a setting: the key is the setting's name in a file.
func settingFlags() map[string]string {
	return map[string]string{
		"journal": "journal.dir", "durability": "journal.durability", "enforce": "enforce", "tripwire": "tripwire",
		"record": "record.dir", "log-format": "log.format", "log-level": "log.level", "instance": "instance",
		"webhook-file": "alerts.webhook_file", "allow-remote-backend": "allow_remote_backend", "drain": "shutdown.drain",
	}
}

func (f *runFlags) register(set *pflag.FlagSet) {
	f.set = set
	set.SortFlags = false
	f.registerConfig(set)
	set.StringArrayVar(&f.listen, "listen", nil, "`ADDRESS` of the door, as [HOST:]PORT or unix:/PATH; may be repeated")
	set.StringVar(&f.backend, "backend", "", "`ADDRESS` of the service behind --listen")
	set.StringVar(&f.name, "name", "", "`NAME` of the service behind --listen")
	set.Var(f.rules.Value(rules.ActionAllow), "allow", "let in peers of a `ZONE|CIDR`; may be repeated, first match wins")
	set.Var(f.rules.Value(rules.ActionDeny), "deny", "refuse peers of a `ZONE|CIDR`; may be repeated, first match wins")
	set.String("enforce", "on", "`on|observe`: observe lets in and records what would have been refused")
	set.Bool("tripwire", false, "watch the same port on this host's other addresses, only to refuse and alert")
	set.Bool("allow-remote-backend", false, "let the service be on another host")
	set.String("journal", "", "`DIR|off`: where the journal is kept")
	set.String("durability", "process", "`none|process|disk`: what the journal promises before a backend is dialled")
	set.String("instance", "", "`NAME` of the journal in the default place (from the fronts)")
	set.String("record", "", "record everything that is sent, passwords included, to pcapng files in `DIR`")
	set.String("log-format", "auto", "`console|json|auto` for session lines: auto is json unless on a terminal")
	set.String("log-level", "info", "`debug|info|warn|error` for messages")
	set.String("webhook-file", "", "`FILE` with the URL that alerts are sent to (or LODOOR_WEBHOOK)")
	set.String("drain", "10s", "how `LONG` sessions may go on after the end was asked for")
	set.StringVar(&f.portFile, "port-file", "", "write the doors' addresses to `FILE` once they are open")
	set.BoolVarP(&f.quiet, "quiet", "q", false, "show only refusals, alerts and trouble")
}

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
		return nil, loadError(err)
	}
	return loaded, chooseFronts(&loaded.Config)
}

// loadError is a usage error when everything that is wrong was typed on the command line, and otherwise one of the
// configuration.
func loadError(err error) error {
	var problems *configs.Error
	if !errors.As(err, &problems) {
		return configError(err)
	}
	for _, p := range problems.Problems {
		if p.File != "" || (p.Source != "the command line" && !strings.HasPrefix(p.Source, "--")) {
			return configError(err)
		}
	}
	return usageError(err)
}

// services are those of the command line.
func (f *runFlags) services(args []string) ([]configs.Service, error) {
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
	s, err := configs.ParseRun("1:" + f.backend) // for the backend, its name and the defaults
	if err != nil {
		return s, fmt.Errorf("--backend %s: expected [HOST:]PORT or unix:/PATH", f.backend)
	}
	s.Listen = nil
	for _, l := range f.listen {
		e, err := flow.ParseEndpoint(l)
		if err != nil {
			return s, fmt.Errorf("--listen: %w", err)
		}
		s.Listen = append(s.Listen, e)
	}
	if f.name != "" {
		s.Name = f.name
	}
	return s, nil
}

// chooseFronts gives services without a front the first ports that are free.
func chooseFronts(c *configs.Config) error {
	next := uint16(firstFront)
	for i := range c.Services {
		s := &c.Services[i]
		if len(s.Listen) > 0 {
			continue
		}
		port, ok := nextFree(next)
		if !ok {
			return fmt.Errorf("service %s: no port from %d upward is free on 127.0.0.1 and ::1; name one", s.Name, firstFront)
		}
		s.Listen = configs.Endpoints{{Port: port}}
		next = port + 1
	}
	return nil
}
