package configs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lodoor/lodoor/proxy/flow"
	"pgregory.net/rapid"
)

func TestParseRun(t *testing.T) {
	for _, tt := range []struct{ in, name, front, backend string }{
		{"62893:5432", "postgres", "62893", "5432"},
		{"5432", "postgres", "", "5432"},
		{"db=5432", "db", "", "5432"},
		{"db=62893:5432", "db", "62893", "5432"},
		{"62893:localhost:6379", "redis", "62893", "localhost:6379"},
		{"62893:10.0.0.7:3306", "mysql", "62893", "10.0.0.7:3306"},
		{"127.0.0.1:62893:5432", "postgres", "127.0.0.1:62893", "5432"},
		{"127.0.0.1:62893:127.0.0.2:9000", "port-9000", "127.0.0.1:62893", "127.0.0.2:9000"},
		{"[::1]:62893:[::1]:11211", "memcached", "[::1]:62893", "[::1]:11211"},
		{"62893:[::1]:27017", "mongodb", "62893", "[::1]:27017"},
		{"0.0.0.0:62893:80", "http", "0.0.0.0:62893", "80"},
		{"62893:unix:/run/pg/.s.PGSQL.5432", "postgres", "62893", "unix:/run/pg/.s.PGSQL.5432"},
		{"unix:/run/a.sock:5432", "postgres", "unix:/run/a.sock", "5432"},
		{"unix:/run/a.sock:unix:/run/Big App.sock", "big-app", "unix:/run/a.sock", "unix:/run/Big App.sock"},
		{"app=unix:/run/a=b.sock:localhost:5432", "app", "unix:/run/a=b.sock", "localhost:5432"},
		{"62893:unix:/run/a=b", "a-b", "62893", "unix:/run/a=b"},
		{"62893:unix:@abstract", "abstract", "62893", "unix:@abstract"},
		{"62893:unix:/run/___", "unix", "62893", "unix:/run/___"},
	} {
		s, err := ParseRun(tt.in)
		if err != nil {
			t.Errorf("ParseRun(%q): %v", tt.in, err)
			continue
		}
		front := ""
		if len(s.Listen) > 0 {
			front = s.Listen[0].String()
		}
		if diff := cmp.Diff([]string{tt.name, tt.front, tt.backend}, []string{s.Name, front, s.Backend.String()}); diff != "" {
			t.Errorf("ParseRun(%q): %s", tt.in, diff)
		}
	}
}

func TestParseRunErrors(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string // parts of the message
	}{
		{"", []string{`"": expected [NAME=]`}},
		{"0:5432", []string{`port "0": expected a number from 1 to 65535`, "[NAME=]"}},
		{"62893:70000", []string{`port "70000": expected a number from 1 to 65535`}},
		{"62893:5432x", []string{`port "5432x": expected a number from 1 to 65535`}},
		{"62893:unix:a.sock", []string{"the path after unix: begins with /"}},
		{"DB=62893:5432", []string{`the name "DB" does not fit`, "letters a-z"}},
		{"=62893:5432", []string{`the name "" does not fit`}},
		{"a:b:c:d", []string{`port "d"`}},
		{"62893:10:5432", []string{"3 ports are given, and there is a place for two"}},
		{"62893:", []string{"is missing beside a colon"}},
		{":5432", []string{"is missing beside a colon"}},
		{"1:2:3:4:5", []string{"5 ports are given"}},
		{"[127.0.0.1]:62893:5432", []string{"expected [NAME=]", "brackets"}},
		{"127.0.0.1:5432", []string{"one address where two are needed", "PORT:127.0.0.1:5432", "127.0.0.1:5432:PORT"}},
		{"unix:/run/a.sock", []string{"one address where two are needed", "PORT:unix:/run/a.sock"}},
		{"::1:62893:5432", []string{"is not clear; did you mean", "front [::1]:62893, backend 5432: [::1]:62893:5432"}},
		{"62893:::1:5432", []string{"is not clear; did you mean", "front 62893, backend [::1]:5432: 62893:[::1]:5432"}},
		{"62893:unix:/run/a:5432", []string{"front 62893, backend unix:/run/a:5432: --listen 62893 --backend unix:/run/a:5432"}},
		{"unix:/a:b:c:5432", []string{
			"front unix:/a:b:c, backend 5432: --listen unix:/a:b:c --backend 5432",
			"front unix:/a:b, backend c:5432: --listen unix:/a:b --backend c:5432",
		}},
		{"db:62893:5432", []string{`the front "db" is a name`, "db=62893:5432"}},
	} {
		s, err := ParseRun(tt.in)
		if err == nil {
			t.Errorf("ParseRun(%q) is %+v: expected an error", tt.in, s)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("ParseRun(%q): %v\nexpected it to say %q", tt.in, err, want)
			}
		}
	}
}

func TestParseRunsNames(t *testing.T) {
	services, err := ParseRuns(splitRuns("62893:5432, 62894:5432,,postgres=62895:6379"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
	}
	// The third one asked for its name: that it is taken is a problem that Load reports, not one to be hidden.
	if diff := cmp.Diff([]string{"postgres", "postgres-2", "postgres"}, names); diff != "" {
		t.Error(diff)
	}
}

// What a person can write in one way is read in that way, whatever the parts are.
func TestParseRunRoundTrip(t *testing.T) {
	side := rapid.Custom(func(t *rapid.T) flow.Endpoint {
		port := rapid.Uint16Range(1, 65535).Draw(t, "port")
		host := rapid.SampledFrom([]string{"", "127.0.0.1", "::1", "fe80::1%eth0", "db-1.example", "localhost", "0.0.0.0"})
		if rapid.Bool().Draw(t, "unix") {
			return flow.Endpoint{Path: rapid.StringMatching(`[/@][a-z0-9._/=-]{1,20}`).Draw(t, "path")}
		}
		return flow.Endpoint{Host: host.Draw(t, "host"), Port: port}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := pair{side.Filter(isFront).Draw(t, "front"), side.Draw(t, "backend")}
		s, err := ParseRun(p.spell())
		if err != nil {
			t.Fatalf("ParseRun(%q): %v", p.spell(), err)
		}
		if got := (pair{s.Listen[0], s.Backend}); got != p {
			t.Fatalf("ParseRun(%q) is %+v, expected %+v", p.spell(), got, p)
		}
	})
}

func FuzzParseRun(f *testing.F) {
	for _, s := range []string{"62893:5432", "a=b", "[::1]:1:unix:/a", "unix:/a:b:5", "::1:2:3", "1:[fe80::1%a]:2", "\x00=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := ParseRun(in)
		if err != nil {
			return
		}
		if !validName(s.Name) {
			t.Errorf("%q: name %q", in, s.Name)
		}
		if s.Backend.IsZero() || len(s.Listen) > 1 {
			t.Errorf("%q: %+v", in, s)
		}
		if len(s.Listen) == 1 && len(readings(pair{s.Listen[0], s.Backend}.spell(), strictSide)) != 1 {
			t.Errorf("%q has more than one reading: %+v", in, s)
		}
	})
}
