// Package configs composes the settings of the other packages into one configuration, loads it from defaults, a file,
// the environment and the command line, checks it, and says of every problem and every value where it comes from.
package configs

import (
	"errors"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/logsink/alert/channel"
	"github.com/lodoor/lodoor/logsink/export"
	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/proxy"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/gate"
	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/origin"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
	"github.com/lodoor/lodoor/proxy/proxyproto"
	"github.com/lodoor/lodoor/rules"
)

// Config is everything that lodoor can be told. The zero Config is not useful: start from [Default].
type Config struct {
	// Instance names the journal of this lodoor; empty is a name made of the fronts.
	Instance string           `mapstructure:"instance"`
	Log      Log              `mapstructure:"log"`
	Journal  journal.Settings `mapstructure:"journal"`
	Privacy  Privacy          `mapstructure:"privacy"`
	// Forwarders are programs that carry somebody else's connections, besides those that lodoor knows.
	Forwarders []origin.ForwarderRule `mapstructure:"forwarders"`
	// Rules are the keys enforce, on_unknown, process_wait and rules of the top level.
	Rules rules.Settings `mapstructure:",squash"`
	// Tripwire watches each own non-loopback address, only to refuse, record and alert.
	Tripwire bool             `mapstructure:"tripwire"`
	History  history.Settings `mapstructure:"history"`
	Alerts   Alerts           `mapstructure:"alerts"`
	Export   Export           `mapstructure:"export"`
	// Operations is what becomes of what clients ask of backends.
	Operations operations.Settings `mapstructure:"operations"`
	// Record is where sessions are recorded; nothing is recorded while its directory is empty.
	Record pcapng.Settings `mapstructure:"record"`
	// Lane is how the bytes of sessions move.
	Lane     lane.Settings `mapstructure:"lane"`
	Shutdown Shutdown      `mapstructure:"shutdown"`
	// Watch reloads the configuration when its file changes.
	Watch bool `mapstructure:"watch"`
	// AllowRemoteBackend lets every service have a backend on another host.
	AllowRemoteBackend bool      `mapstructure:"allow_remote_backend"`
	Services           []Service `mapstructure:"services"`
}

// Log is how lodoor speaks of sessions on standard output.
type Log struct {
	Format LogFormat `mapstructure:"format"`
	Level  LogLevel  `mapstructure:"level"`
}

// Alerts are what is told to a person, and where it goes; both in one table.
type Alerts struct {
	Engine   alert.Settings   `mapstructure:",squash"`
	Channels channel.Settings `mapstructure:",squash"`
}

// Validate says which keys have impossible values, one a line.
func (a Alerts) Validate() error { return errors.Join(a.Engine.Validate(), a.Channels.Validate()) }

// Export is where records go besides the journal.
type Export struct {
	OTLP     export.OTLPSettings     `mapstructure:"otlp"`
	Syslog   export.SyslogSettings   `mapstructure:"syslog"`
	Journald export.JournaldSettings `mapstructure:"journald"`
	NATS     export.NATSSettings     `mapstructure:"nats"`
}

// Privacy is what lodoor does not tell of the processes that it sees.
type Privacy struct {
	// Processes has the process behind each peer looked for; without it only the user is known.
	Processes   bool               `mapstructure:"processes"`
	CommandLine procfs.CommandLine `mapstructure:"command_line"`
	// Statements is how much of what clients ask is told.
	Statements flow.Statements `mapstructure:"statements"`
}

// Shutdown is how lodoor ends.
type Shutdown struct {
	// Drain is how long open sessions may go on; then they are reset.
	Drain time.Duration `mapstructure:"drain"`
}

// Endpoints is a list of addresses; a single one may be written without the list.
type Endpoints []flow.Endpoint

// Service is one front and its backend.
type Service struct {
	Name        string        `mapstructure:"name"`
	Description string        `mapstructure:"description"`
	Owner       string        `mapstructure:"owner"`
	Listen      Endpoints     `mapstructure:"listen"`
	Backend     flow.Endpoint `mapstructure:"backend"`
	// Protocol is what the backend speaks.
	Protocol Protocol `mapstructure:"protocol"`
	// Gate judges what clients send by the protocol; nil is on.
	Gate *bool         `mapstructure:"gate"`
	HTTP gate.Settings `mapstructure:"http"`
	// TLS is what becomes of a client's wish to encrypt.
	TLS TLS `mapstructure:"tls"`
	// ProxyProtocol makes a header necessary; nil is none.
	ProxyProtocol *ProxyProtocol `mapstructure:"proxy_protocol"`
	// Rules come before those of the top level.
	Rules    []rules.Rule   `mapstructure:"rules"`
	Limits   proxy.Limits   `mapstructure:"limits"`
	Timeouts proxy.Timeouts `mapstructure:"timeouts"`
	// Tripwire and Record follow the top level when they are nil.
	Tripwire           *bool `mapstructure:"tripwire"`
	Record             *bool `mapstructure:"record"`
	AllowRemoteBackend bool  `mapstructure:"allow_remote_backend"`
}

// ProxyProtocol is where a service takes headers, and whose.
type ProxyProtocol struct {
	// Listen are those of the service's fronts at which one is necessary; at the others it is refused. Empty is all.
	Listen   Endpoints           `mapstructure:"listen"`
	Settings proxyproto.Settings `mapstructure:",squash"`
}

// Validate returns an error for each setting that cannot be obeyed by itself; each starts with the key.
func (p ProxyProtocol) Validate() error { return p.Settings.Validate() }

// Default is the configuration of a lodoor that was told nothing.
func Default() Config {
	return Config{
		Log: Log{Format: LogAuto, Level: LogInfo},
		Journal: journal.Settings{
			// KeepFree stays 0: what that is depends on the file system.
			MaxSize: journal.DefaultMaxSize, MaxAge: journal.DefaultMaxAge,
			RotateSize: journal.DefaultRotateSize, RotateAge: journal.DefaultRotateAge,
			RefusalsShare: journal.DefaultRefusalsShare, Compress: true,
		},
		Rules: rules.Settings{
			Enforce: rules.EnforceOn, OnUnknown: rules.OnUnknownDeny, ProcessWait: 200 * time.Millisecond,
		},
		Privacy: Privacy{Processes: true},
		History: history.Settings{Store: history.StoreSQLite, MaxAge: 90 * 24 * time.Hour, MaxSize: flow.GiB},
		Alerts: Alerts{
			alert.Settings{Repeat: time.Minute}, channel.Settings{Timeout: 5 * time.Second, GiveUp: 24 * time.Hour},
		},
		Export:     defaultExport(),
		Operations: operations.Settings{SlowerThan: 100 * time.Millisecond, Sample: 100},
		Record:     pcapng.Defaults(),
		Shutdown:   Shutdown{Drain: 10 * time.Second},
	}
}

// defaultExport is where records go without a word: nowhere. The rest is filled in so that it can be shown.
func defaultExport() Export {
	return Export{
		OTLP: export.OTLPSettings{
			Timeout: 10 * time.Second, Compression: "gzip", Logs: true, Metrics: true, Interval: time.Minute,
		},
		Syslog: export.SyslogSettings{
			Facility: "local0", AppName: "lodoor", Framing: "octet-counting", MaxMessage: 8 * flow.KiB,
			Timeout: 10 * time.Second,
		},
		NATS: export.NATSSettings{Stream: "LODOOR", Subject: "lodoor.records", Timeout: 5 * time.Second},
	}
}

// defaultDial is what proxy.Timeouts says of an unset Dial; it is filled in so that it can be shown.
const defaultDial = 5 * time.Second

// complete fills in what a service does not say.
func (s *Service) complete() {
	if s.Timeouts.Dial == 0 {
		s.Timeouts.Dial = defaultDial
	}
}

// TripwireOn says whether the service's port is watched on the own non-loopback addresses.
func (c *Config) TripwireOn(s *Service) bool {
	if s.Tripwire != nil {
		return *s.Tripwire
	}
	return c.Tripwire
}

// RecordOn says whether the service's sessions are recorded.
func (c *Config) RecordOn(s *Service) bool {
	return c.Record.Dir != "" && (s.Record == nil || *s.Record)
}

// GateOn says whether what the service's clients send is judged by its protocol.
func (s *Service) GateOn() bool { return s.Gate == nil || *s.Gate }

// RemoteBackendOn says whether the service's backend may be on another host.
func (c *Config) RemoteBackendOn(s *Service) bool {
	return c.AllowRemoteBackend || s.AllowRemoteBackend
}

// RuleServices is what the rules have to know of the services.
func (c *Config) RuleServices() []rules.Service {
	services := make([]rules.Service, len(c.Services))
	for i, s := range c.Services {
		services[i] = rules.Service{
			Name: s.Name, UnixBackend: s.Backend.IsUnix(), ProxyProtocol: s.ProxyProtocol != nil, Rules: s.Rules,
		}
	}
	return services
}
