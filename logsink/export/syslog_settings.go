package export

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// SyslogSettings are the part of the configuration about a syslog server.
type SyslogSettings struct {
	// Address is udp://HOST:514, tcp://HOST:601, tls://HOST:6514 (RFC 5426, 6587, 5425; the ports may be left out) or
	// unix:///dev/log. Empty: nothing is exported.
	Address string `mapstructure:"address"`
	// Facility is a name, as local0, which is also what "" means.
	Facility string `mapstructure:"facility"`
	// AppName is what the server files our messages under; "" is lodoor.
	AppName string `mapstructure:"app_name"`
	// Framing tells messages on TCP and TLS apart: octet-counting, which is also what "" means, or newline (both
	// RFC 6587).
	Framing string `mapstructure:"framing"`
	// MaxMessage is how long a message may be; a longer one is replaced by one that says so. 0 is 8 KiB: what RFC 5425
	// wants receivers to take, and where rsyslog cuts unless it was told otherwise.
	MaxMessage flow.Size `mapstructure:"max_message"`
	// EnterpriseNumber is your organisation's at IANA; with it a record's identity is structured data, too.
	EnterpriseNumber uint32 `mapstructure:"enterprise_number"`
	TLSSettings      `mapstructure:",squash"`
	// Timeout of connecting, and of writing a batch; 0 is 10 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	framingOctets  = "octet-counting"
	framingNewline = "newline"

	defaultMaxMessage = 8 * flow.KiB
	minMaxMessage     = 2048 * flow.Size(1) // what RFC 5424, section 6.1, wants every receiver to take
	maxDatagram       = 65507 * flow.Size(1)
	maxMaxMessage     = 4 * flow.MiB // a line is at most 1 MiB

	defaultSyslogTimeout = 10 * time.Second
	maxAppName           = 48 // RFC 5424, section 6
)

// facilities have their numbers from RFC 5424, section 6.2.1.
func facilities() []string {
	return []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
		"security", "console", "solaris-cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
		"local7",
	}
}

// Validate says which keys have impossible values, one a line. It reads no file.
func (s SyslogSettings) Validate() error {
	var errs []error
	say := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	a, err := parseSyslog(s.Address)
	switch {
	case s.Address != "" || s.TLSSettings != (TLSSettings{}):
		say("address", err)
	default:
		a.network = "" // nothing is exported, so that nothing depends on it
	}
	if a.network != "" && !a.tls && s.TLSSettings != (TLSSettings{}) {
		say("address", fmt.Errorf("%s has no TLS, and certificates are set: expected tls://HOST:6514", s.Address))
	}
	if s.Facility != "" && !slices.Contains(facilities(), s.Facility) {
		say("facility", fmt.Errorf("%q is unknown: expected one of %s", s.Facility, strings.Join(facilities(), ", ")))
	}
	if s.AppName != printable(s.AppName, maxAppName) || strings.ContainsAny(s.AppName, "[]:") {
		say("app_name", fmt.Errorf("%q: expected at most %d letters, digits and signs of ASCII, without spaces, colons "+
			"and brackets", s.AppName, maxAppName))
	}
	if f := s.Framing; f != "" && f != framingOctets && f != framingNewline {
		say("framing", fmt.Errorf("%q is unknown: expected %s or %s", f, framingOctets, framingNewline))
	}
	say("max_message", s.validMax(a))
	if s.Timeout < 0 {
		say("timeout", fmt.Errorf("%v is negative: expected a duration, or 0 for %v", s.Timeout, defaultSyslogTimeout))
	}
	return errors.Join(append(errs, s.validate())...)
}

func (s SyslogSettings) validMax(a syslogAddress) error {
	most := maxMaxMessage
	if a.network == "udp" {
		most = maxDatagram
	}
	if m := s.MaxMessage; m != 0 && (m < minMaxMessage || m > most) {
		return fmt.Errorf("%v: expected %v to %v, or 0 for %v", m, minMaxMessage, most, defaultMaxMessage)
	}
	return nil
}

// Warnings are for the person who set it.
func (s SyslogSettings) Warnings() []string {
	a, err := parseSyslog(s.Address)
	if err != nil || a.tls || a.network == "unixgram" || loopback(a.host) {
		return nil
	}
	warnings := []string{"address: " + a.network + " has no TLS: records can be read and changed on their way"}
	if a.network == "udp" {
		warnings = append(warnings, "address: udp loses records and nobody knows: tcp or tls does not")
	}
	return warnings
}

// syslogAddress is where messages go, in the words of package net.
type syslogAddress struct {
	network, address, host string
	tls                    bool
}

func parseSyslog(text string) (syslogAddress, error) {
	const expected = "expected udp://HOST:514, tcp://HOST:601, tls://HOST:6514 or unix:///dev/log"
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return syslogAddress{}, errors.New("this is not an address: " + expected)
	}
	if u.Scheme == "unix" {
		if u.Host != "" || !strings.HasPrefix(u.Path, "/") {
			return syslogAddress{}, fmt.Errorf("%q has no absolute path: expected unix:///dev/log", text)
		}
		return syslogAddress{network: "unixgram", address: u.Path}, nil
	}
	port := map[string]string{"udp": "514", "tcp": "601", "tls": "6514"}[u.Scheme]
	if port == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return syslogAddress{}, fmt.Errorf("%q: %s", text, expected)
	}
	a := syslogAddress{network: u.Scheme, host: u.Hostname(), tls: u.Scheme == "tls"}
	a.address = net.JoinHostPort(a.host, cmp.Or(u.Port(), port))
	if a.tls {
		a.network = "tcp"
	}
	return a, nil
}

// printable is s without what PRINTUSASCII of RFC 5424 does not have, at most limit bytes long.
func printable(s string, limit int) string {
	kept := strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return -1
		}
		return r
	}, s)
	return kept[:min(len(kept), limit)]
}
