package configs

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// write makes a configuration file and returns its name.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// apart keeps a test away from this machine's own configuration and addresses.
func apart(o LoadOptions) LoadOptions {
	if o.Environ == nil {
		o.Environ = []string{}
	}
	o.SystemDir = "/nonexistent"
	o.OwnAddrs = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("192.0.2.10")}, nil }
	return o
}

func load(t testing.TB, o LoadOptions) *Loaded {
	t.Helper()
	l, err := Load(apart(o))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// problems loads what is expected to be wrong and returns its problems without the folder.
func problems(t testing.TB, o LoadOptions) []string {
	t.Helper()
	_, err := Load(apart(o))
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("Load: %v, expected an *Error", err)
	}
	var lines []string
	for _, p := range e.Problems {
		if p.File != "" {
			p.File = filepath.Base(p.File)
		}
		lines = append(lines, p.String())
	}
	return lines
}

func TestPrecedence(t *testing.T) {
	file := write(t, "lodoor.yaml", "journal: {max_size: 1GiB, dir: /of/file}\nshutdown:\n  drain: 20s\n")
	o := LoadOptions{File: file}
	type values struct {
		Dir   string
		Size  flow.Size
		Drain time.Duration
	}
	of := func(l *Loaded) values {
		return values{l.Config.Journal.Dir, l.Config.Journal.MaxSize, l.Config.Shutdown.Drain}
	}
	check := func(want values, origin string) {
		t.Helper()
		l := load(t, o)
		if diff := cmp.Diff(want, of(l)); diff != "" {
			t.Error(diff)
		}
		if got := strings.TrimPrefix(l.Origin("journal.max_size").String(), file); got != origin {
			t.Errorf("origin %q, expected %q", got, origin)
		}
	}
	check(values{"/of/file", flow.GiB, 20 * time.Second}, ":1:11")
	o.Environ = []string{"LODOOR_JOURNAL_MAX_SIZE=2GiB", "LODOOR_SHUTDOWN_DRAIN=1d"}
	check(values{"/of/file", 2 * flow.GiB, 24 * time.Hour}, "LODOOR_JOURNAL_MAX_SIZE")
	o.Flags = []Flag{{"--size", "journal.max_size", "3GiB"}}
	check(values{"/of/file", 3 * flow.GiB, 24 * time.Hour}, "--size")
	o = LoadOptions{}
	check(values{"", 512 * flow.MiB, 10 * time.Second}, "default")
}

// A second load knows nothing of the first.
func TestFresh(t *testing.T) {
	load(t, LoadOptions{File: write(t, "a.yaml", "tripwire: true\nservices: [{name: a, listen: 1, backend: 2}]\n")})
	if diff := cmp.Diff(Default(), load(t, LoadOptions{}).Config); diff != "" {
		t.Error(diff)
	}
}

const everyFormat = `a service with all that it can have`

func services(t *testing.T, name, content string) []Service {
	t.Helper()
	return load(t, LoadOptions{File: write(t, name, content)}).Config.Services
}

func TestFormatsAgree(t *testing.T) {
	yaml := services(t, "a.yaml", `
record: {dir: /tmp/r}
services:
  - name: pg
    description: `+everyFormat+`
    listen: [62893, "[::1]:62894"]
    backend: unix:/run/pg/.s.PGSQL.5432
    protocol: postgres
    rules:
      - {name: lan, action: allow, enforce: observe, zones: [lan], cidrs: [10.0.0.0/8], users: ["0"], when: service == "pg"}
    limits: {max_open: 5, rate: 1.5}
    timeouts: {idle: 1h30m, dial_retry: 1d}
    tripwire: false
    record: true
`)
	toml := services(t, "a.toml", `
record.dir = "/tmp/r"
[[services]]
name = "pg"
description = "`+everyFormat+`"
listen = [62893, "[::1]:62894"]
backend = "unix:/run/pg/.s.PGSQL.5432"
protocol = "postgres"
tripwire = false
record = true
limits = {max_open = 5, rate = 1.5}
timeouts.idle = "1h30m"
timeouts.dial_retry = "1d"
[[services.rules]]
name = "lan"
action = "allow"
enforce = "observe"
zones = ["lan"]
cidrs = ["10.0.0.0/8"]
users = ["0"]
when = 'service == "pg"'
`)
	json := services(t, "a.json", `{"record": {"dir": "/tmp/r"}, "services": [{"name": "pg", "description": "`+everyFormat+`",
 "listen": [62893, "[::1]:62894"], "backend": "unix:/run/pg/.s.PGSQL.5432", "protocol": "postgres", "tripwire": false,
 "record": true, "limits": {"max_open": 5, "rate": 1.5}, "timeouts": {"idle": "1h30m", "dial_retry": "1d"},
 "rules": [{"name": "lan", "action": "allow", "enforce": "observe", "zones": ["lan"], "cidrs": ["10.0.0.0/8"],
 "users": ["0"], "when": "service == \"pg\""}]}]}`)
	compare := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(yaml, toml, compare); diff != "" {
		t.Errorf("TOML differs: %s", diff)
	}
	if diff := cmp.Diff(yaml, json, compare); diff != "" {
		t.Errorf("JSON differs: %s", diff)
	}
	s := yaml[0]
	if len(s.Listen) != 2 || *s.Tripwire || s.Timeouts.DialRetry != 24*time.Hour || s.Timeouts.Dial != 5*time.Second ||
		s.Limits.Rate != 1.5 || s.Rules[0].Action != rules.ActionAllow || s.Protocol != ProtocolPostgres {
		t.Errorf("%+v", s)
	}
}

func TestServicesOverride(t *testing.T) {
	file := write(t, "a.yaml", "services: [{name: of-file, listen: 1, backend: 2}]\nrules: [{name: r, action: deny, zones: [lan]}]\n")
	environ := []string{"LODOOR_RUN=of-env=62893:5432"}
	names := func(o LoadOptions) string {
		l := load(t, o)
		return l.Config.Services[0].Name + " " + strings.TrimPrefix(l.Origin("services[0].name").String(), file)
	}
	if got := names(LoadOptions{File: file}); got != "of-file :1:13" {
		t.Error(got)
	}
	if got := names(LoadOptions{File: file, Environ: environ}); got != "of-env LODOOR_RUN" {
		t.Error(got)
	}
	run, err := ParseRun("of-flag=5432")
	if err != nil {
		t.Fatal(err)
	}
	o := LoadOptions{File: file, Environ: environ, Services: []Service{run}}
	if got := names(o); got != "of-flag the command line" {
		t.Error(got)
	}
	flag, err := rules.ParseZoneOrCIDR(rules.ActionAllow, "vpn")
	if err != nil {
		t.Fatal(err)
	}
	o.Rules = []rules.Rule{flag}
	l := load(t, o)
	if got := l.Config.Rules.Rules; len(got) != 2 || got[0].Name != flag.Name || got[1].Name != "r" {
		t.Errorf("rules %+v", got)
	}
	if a, b := l.Origin("rules[0].name").String(), strings.TrimPrefix(l.Origin("rules[1].name").String(), file); a != "--allow" || b != ":2:10" {
		t.Error(a, b)
	}
	if !strings.Contains(strings.Join(l.Warnings, "\n"), "are not used: the command line names others") {
		t.Errorf("warnings %q", l.Warnings)
	}
}

// A rule's forwarder is true, false, a name or several.
func TestForwarderForms(t *testing.T) {
	for written, want := range map[string]rules.Forwarders{
		"true": {"true"}, "false": {"false"}, "sshd": {"sshd"}, "[socat, sshd]": {"socat", "sshd"},
	} {
		l := load(t, LoadOptions{File: write(t, "lodoor.yaml", "rules: [{name: x, action: deny, forwarder: "+written+"}]\n")})
		if got := l.Config.Rules.Rules[0].Forwarder; !slices.Equal(got, want) {
			t.Errorf("%s is %v", written, got)
		}
	}
}

// The cases beside an example are as its rules decide.
func TestCasesOfAnExample(t *testing.T) {
	l, err := Load(apart(LoadOptions{File: "examples/programs-only.yaml"}))
	if err != nil {
		t.Fatal(err)
	}
	const file = "examples/programs-only.cases"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases, err := rules.ParseCases(b, file)
	if err != nil || len(cases) < 6 {
		t.Fatal(len(cases), err)
	}
	loopback := func(netip.Addr, string) (flow.Zone, error) { return flow.ZoneLoopback, nil }
	for _, r := range l.RuleSet.Test(cases, loopback) {
		if !r.Pass {
			t.Error(r)
		}
	}
}
