package origin

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

func TestHolderString(t *testing.T) {
	for _, tc := range []struct {
		holder Holder
		want   string
	}{
		{Holder{}, "nobody"},
		{Holder{Err: errors.New("not\a here")}, `somebody unknown ("not\a here")`},
		{Holder{Listening: true, PID: 812, Program: "postgres", UIDKnown: true, UID: 105, User: "postgres"},
			"postgres (pid 812, user postgres)"},
		{Holder{Listening: true, PID: 812, Program: "postgres", UIDKnown: true, UID: 105}, "postgres (pid 812, uid 105)"},
		{Holder{Listening: true, PID: 7, UIDKnown: true, User: "root"}, "a process without a name (pid 7, user root)"},
		{Holder{Listening: true, Foreign: true, UIDKnown: true, UID: 105, User: "postgres"},
			"another user's process (user postgres)"},
		{Holder{Listening: true, Foreign: true, UIDKnown: true, UID: 105}, "another user's process (uid 105)"},
		{Holder{Listening: true, Foreign: true}, "another user's process"},
		{Holder{Listening: true, UIDKnown: true, User: "me"}, "a process that cannot be seen from here (user me)"},
		{Holder{Listening: true, PID: 7, Program: "a\x1b[31m\n\u202e\u009b", UIDKnown: true, User: "x"},
			`"a\x1b[31m\n\u202e\u009b" (pid 7, user x)`},
	} {
		if got := tc.holder.String(); got != tc.want {
			t.Errorf("%+v\nreads %s\nwant  %s", tc.holder, got, tc.want)
		}
	}
}

func TestListenerAt(t *testing.T) {
	socket := func(at string, v6only bool) sockdiag.Socket {
		return sockdiag.Socket{Local: netip.MustParseAddrPort(at), V6Only: v6only}
	}
	loop4, loop6 := socket("127.0.0.1:5", false), socket("[::1]:5", false)
	all4, all6, dual := socket("0.0.0.0:5", false), socket("[::]:5", true), socket("[::]:5", false)
	for _, tc := range []struct {
		at      string
		sockets []sockdiag.Socket
		want    string // empty is nobody
	}{
		{"127.0.0.1", []sockdiag.Socket{all4, loop4}, "127.0.0.1:5"},
		{"127.0.0.1", []sockdiag.Socket{loop6, all4}, "0.0.0.0:5"},
		{"127.0.0.1", []sockdiag.Socket{dual}, "[::]:5"},
		{"127.0.0.1", []sockdiag.Socket{all6}, ""},
		{"127.0.0.2", []sockdiag.Socket{loop4}, ""},
		{"::1", []sockdiag.Socket{loop4, all4}, ""},
		{"::1", []sockdiag.Socket{all6}, "[::]:5"},
		{"0.0.0.0", []sockdiag.Socket{loop6, loop4}, "127.0.0.1:5"},
		{"0.0.0.0", []sockdiag.Socket{dual}, "[::]:5"},
		{"0.0.0.0", []sockdiag.Socket{loop6}, ""},
		{"::", []sockdiag.Socket{loop6}, "[::1]:5"},
		{"::", []sockdiag.Socket{loop4}, "127.0.0.1:5"},
	} {
		got := ""
		if s := listenerAt(tc.sockets, netip.MustParseAddr(tc.at)); s != nil {
			got = s.Local.String()
		}
		if got != tc.want {
			t.Errorf("%s among %d sockets: %q, want %q", tc.at, len(tc.sockets), got, tc.want)
		}
	}
}

func TestServerAmongHolders(t *testing.T) {
	for _, tc := range []struct {
		name    string
		holders []procfs.Process // newest first
		want    int
	}{
		{"alone", []procfs.Process{{PID: 9, PPID: 1}}, 9},
		{"workers", []procfs.Process{{PID: 12, PPID: 10}, {PID: 11, PPID: 10}, {PID: 10, PPID: 1}}, 10},
		{"socket activation", []procfs.Process{{PID: 12, PPID: 10}, {PID: 10, PPID: 1}, {PID: 1}}, 10},
		{"process 1 for a service that has not started", []procfs.Process{{PID: 1}}, 1},
		{"numbers that wrapped", []procfs.Process{{PID: 30000, PPID: 1}, {PID: 300, PPID: 30000}}, 30000},
	} {
		if got := server(tc.holders); got.PID != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got.PID, tc.want)
		}
	}
}

func TestHolderOfWhatCannotBeAsked(t *testing.T) {
	f := finder{
		listeners: func(uint16) ([]sockdiag.Socket, error) { return nil, nil },
		addresses: func() ([]net.Addr, error) { return nil, nil },
	}
	for host, want := range map[string]string{"db.example": "is not an address", "192.0.2.7": "not an address of this host"} {
		if _, err := f.find(t.Context(), flow.Endpoint{Host: host, Port: 5}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
