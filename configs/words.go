package configs

import (
	"fmt"
	"slices"
	"strings"
)

// LogFormat is how session lines look on standard output.
type LogFormat uint8

// The formats.
const (
	LogAuto    LogFormat = iota // console on a terminal, json elsewhere
	LogConsole                  // for people
	LogJSON                     // one object a line
)

func logFormats() []string { return []string{"auto", "console", "json"} }

func (f LogFormat) String() string { return word(logFormats(), uint8(f)) }

// MarshalText writes the format's name.
func (f LogFormat) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a format's name.
func (f *LogFormat) UnmarshalText(text []byte) error {
	i, err := wordIndex("log format", logFormats(), text)
	*f = LogFormat(i)
	return err
}

// LogLevel is what lodoor says besides session lines, refusals and alerts, which it always says.
type LogLevel uint8

// The levels.
const (
	LogDebug LogLevel = iota
	LogInfo
	LogWarn
	LogError
)

func logLevels() []string { return []string{"debug", "info", "warn", "error"} }

func (l LogLevel) String() string { return word(logLevels(), uint8(l)) }

// MarshalText writes the level's name.
func (l LogLevel) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name.
func (l *LogLevel) UnmarshalText(text []byte) error {
	i, err := wordIndex("log level", logLevels(), text)
	*l = LogLevel(i)
	return err
}

// Protocol is what a backend speaks.
type Protocol uint8

// The protocols.
const (
	ProtocolUnset Protocol = iota
	ProtocolAuto           // to be recognised
	ProtocolPostgres
	ProtocolMySQL
	ProtocolRedis
	ProtocolMongoDB
	ProtocolMemcached
	ProtocolHTTP
)

func protocols() []string {
	return []string{"", "auto", "postgres", "mysql", "redis", "mongodb", "memcached", "http"}
}

func (p Protocol) String() string { return word(protocols(), uint8(p)) }

// MarshalText writes the protocol's name; that of ProtocolUnset is empty.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a protocol's name.
func (p *Protocol) UnmarshalText(text []byte) error {
	i, err := wordIndex("protocol", protocols(), text)
	*p = Protocol(i)
	return err
}

// TLS is what becomes of a client's wish to encrypt.
type TLS uint8

// The ways with TLS.
const (
	TLSPass    TLS = iota // it is the backend's affair
	TLSDecline            // lodoor says that there is none, so that what is said can be read
)

func tlsWords() []string { return []string{"pass", "decline"} }

func (t TLS) String() string { return word(tlsWords(), uint8(t)) }

// MarshalText writes the word.
func (t TLS) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the word.
func (t *TLS) UnmarshalText(text []byte) error {
	i, err := wordIndex("way with TLS", tlsWords(), text)
	*t = TLS(i)
	return err
}

func word(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("invalid(%d)", i)
}

func wordIndex(what string, names []string, text []byte) (uint8, error) {
	if i := slices.Index(names, string(text)); i >= 0 {
		return uint8(i), nil
	}
	known := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	return 0, fmt.Errorf("unknown %s %q: expected one of %s", what, text, strings.Join(known, ", "))
}
