package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/proxy"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
)

func TestTryLine(t *testing.T) {
	for _, tt := range []struct{ name, front, backend, program, want string }{
		{"svc", "127.0.0.1:62893", "5432", "", "psql -h 127.0.0.1 -p 62893"},
		{"svc", "0.0.0.0:62893", "3306", "", "mysql -h 127.0.0.1 -P 62893"},
		{"svc", "[::1]:62893", "6379", "", "redis-cli -h ::1 -p 62893"},
		{"svc", "[::1]:62893", "8080", "", "curl http://[::1]:62893/"},
		{"svc", "127.0.0.1:62893", "27017", "", "mongosh --host 127.0.0.1 --port 62893"},
		{"svc", "127.0.0.1:62893", "9000", "", "nc 127.0.0.1 62893"},
		{"svc", "127.0.0.1:62893", "9000", "postgres", "psql -h 127.0.0.1 -p 62893"},
		{"redis", "127.0.0.1:62893", "9000", "", "redis-cli -h 127.0.0.1 -p 62893"},
		{"svc", "127.0.0.1:62893", "unix:/run/postgresql/.s.PGSQL.5433", "", "psql -h 127.0.0.1 -p 62893"},
		{"svc", "unix:/run/my door/.s.PGSQL.5433", "5432", "", "psql -h '/run/my door' -p 5433"},
		{"svc", "unix:/run/redis", "6379", "", "redis-cli -s /run/redis"},
		{"svc", "unix:/run/web", "80", "", "curl --unix-socket /run/web http://localhost/"},
		{"svc", "unix:/run/it's", "9000", "", `nc -U '/run/it'\''s'`},
	} {
		front, err := flow.ParseEndpoint(tt.front)
		if err != nil {
			t.Fatal(err)
		}
		backend, err := flow.ParseEndpoint(tt.backend)
		if err != nil {
			t.Fatal(err)
		}
		s := configs.NewService(tt.name, nil, backend)
		if got := tryLine(kindOf(&s, origin.Holder{Program: tt.program}), front); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.front, got, tt.want)
		}
	}
}

// Who is told what to try is sent to a front that takes no PROXY header.
func TestGreetsAHeader(t *testing.T) {
	one, two, unix := flow.Endpoint{Host: "127.0.0.1", Port: 1}, flow.Endpoint{Host: "127.0.0.1", Port: 2}, flow.Endpoint{Path: "/x"}
	for _, tt := range []struct {
		headed configs.Endpoints
		words  string
		plain  flow.Endpoint
	}{
		{nil, "a PROXY protocol header is expected of every client", one},
		{configs.Endpoints{two}, "a PROXY protocol header is expected at 127.0.0.1:2, and refused elsewhere", one},
		{configs.Endpoints{{Port: 1}, two}, "a PROXY protocol header is expected at 1 and 127.0.0.1:2, and refused elsewhere", unix},
		{configs.Endpoints{one, unix, two}, "a PROXY protocol header is expected at 127.0.0.1:1 and unix:/x and 127.0.0.1:2, and refused elsewhere", one},
	} {
		s := configs.NewService("svc", nil, flow.Endpoint{Port: 5432})
		s.ProxyProtocol = &configs.ProxyProtocol{Listen: tt.headed}
		if got := headerWords(s.ProxyProtocol); got != tt.words {
			t.Errorf("%q, want %q", got, tt.words)
		}
		if got := plainFront(&s, []flow.Endpoint{one, two, unix}); got != tt.plain {
			t.Errorf("%v: %v, want %v", tt.headed, got, tt.plain)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"one two", []string{"one two"}},
		{"one two three", []string{"one two", "three"}},
		{"averylongword on", []string{"averylongword", "on"}},
		{"ä ö ü ß ä", []string{"ä ö ü ß", "ä"}},
	} {
		if diff := cmp.Diff(tt.want, wrap(tt.text, 7)); diff != "" {
			t.Errorf("%q: %s", tt.text, diff)
		}
	}
}

// What others name, the terminal does not obey.
func TestSheetShowsControls(t *testing.T) {
	s := &sheet{label: 4}
	s.head("a\x1b[2J", "b\rc")
	if got, want := s.String(), "  a\\x1b[2J  b\\x0dc\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestBindHint(t *testing.T) {
	for _, tt := range []struct {
		front string
		err   error
		want  string
	}{
		{"127.0.0.1:80", syscall.EACCES, "CAP_NET_BIND_SERVICE"},
		{"127.0.0.1:8080", syscall.EACCES, ""},
		{"192.0.2.1:8080", syscall.EADDRNOTAVAIL, "not an address of this host"},
		{"unix:/nowhere/socket", syscall.ENOENT, "the directory /nowhere is not there"},
		{"unix:/root/socket", syscall.EACCES, "may not make files in /root"},
		{"unix:/much/too/long", syscall.EINVAL, "a shorter one"},
		{"127.0.0.1:8080", syscall.ENOBUFS, ""},
	} {
		front, err := flow.ParseEndpoint(tt.front)
		if err != nil {
			t.Fatal(err)
		}
		got := bindHint(&proxy.BindError{Front: front, Err: tt.err})
		if !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s, %v: %q, want %q", tt.front, tt.err, got, tt.want)
		}
	}
}
