package export

import (
	"strings"
	"testing"
	"time"
)

func TestSyslogSettings(t *testing.T) {
	for _, tc := range []struct {
		s    SyslogSettings
		want string // a part of the error; empty: valid
	}{
		{SyslogSettings{}, ""},
		{SyslogSettings{Facility: "local7", MaxMessage: 1 << 20}, ""},
		{SyslogSettings{Address: "udp://log.example"}, ""},
		{SyslogSettings{Address: "tls://log.example:6514", TLSSettings: TLSSettings{CAFile: "ca"}}, ""},
		{SyslogSettings{Address: "unix:///dev/log"}, ""},
		{SyslogSettings{Address: "tcp://[2001:db8::1]:601", Framing: "newline"}, ""},
		{SyslogSettings{Address: "log.example:514"}, "address: "},
		{SyslogSettings{Address: "http://log.example"}, "expected udp://HOST:514"},
		{SyslogSettings{Address: "tcp://"}, "address: "},
		{SyslogSettings{Address: "tcp://u:p@log.example"}, "this is not an address"},
		{SyslogSettings{Address: "tcp://log.example/path"}, "address: "},
		{SyslogSettings{Address: "unix://dev/log"}, "absolute path"},
		{SyslogSettings{Address: "tcp://log.example", TLSSettings: TLSSettings{CAFile: "ca"}}, "expected tls://"},
		{SyslogSettings{TLSSettings: TLSSettings{CAFile: "ca"}}, "address: "},
		{SyslogSettings{Address: "tls://log.example", TLSSettings: TLSSettings{CertFile: "c"}}, "key_file: is missing"},
		{SyslogSettings{Facility: "local8"}, `facility: "local8" is unknown: expected one of kern, user`},
		{SyslogSettings{AppName: "lo door"}, "app_name: "},
		{SyslogSettings{AppName: "lodoor[1]"}, "app_name: "},
		{SyslogSettings{Framing: "octets"}, "framing: "},
		{SyslogSettings{MaxMessage: 100}, "max_message: 100B: expected 2KiB to 4MiB"},
		{SyslogSettings{Address: "udp://log.example", MaxMessage: 1 << 20}, "max_message: 1MiB: expected 2KiB to 65507"},
		{SyslogSettings{Timeout: -time.Second}, "timeout: "},
	} {
		err := tc.s.Validate()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: got %v, want %q", tc.s, err, tc.want)
		}
	}
}

func TestSyslogAddress(t *testing.T) {
	for text, want := range map[string]syslogAddress{
		"udp://a":           {"udp", "a:514", "a", false},
		"tcp://a":           {"tcp", "a:601", "a", false},
		"tls://a":           {"tcp", "a:6514", "a", true},
		"tcp://[::1]:10514": {"tcp", "[::1]:10514", "::1", false},
		"unix:///dev/log":   {"unixgram", "/dev/log", "", false},
	} {
		if got, err := parseSyslog(text); got != want || err != nil {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

func TestSyslogWarnings(t *testing.T) {
	for address, want := range map[string]int{
		"udp://log.example": 2, "tcp://log.example": 1, "tls://log.example": 0, "tcp://127.0.0.1": 0, "unix:///dev/log": 0,
	} {
		if got := (SyslogSettings{Address: address}).Warnings(); len(got) != want {
			t.Errorf("%s: got %q", address, got)
		}
	}
}
