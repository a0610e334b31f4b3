package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every problem has its place and says what is expected; none hides another.
func TestInvalidFiles(t *testing.T) {
	for _, tt := range []struct {
		name, file, content string
		want                []string
	}{
		{"yaml syntax", "a.yaml", "log:\n  level: info\n format: json\n", []string{"a.yaml:3:2: YAML: did not find expected key"}},
		{"yaml tab", "a.yaml", "log:\n\tlevel: info\n", []string{
			"a.yaml:2:1: YAML: found character that cannot start any token; YAML is indented with spaces: found a tab"}},
		{"yaml brackets", "a.yaml", "services:\n  - name: a\n    listen: [::1]:5432\n", []string{
			`a.yaml:3:5: YAML: did not find expected node content; an address with brackets needs quotes, as in "[::1]:5432"`}},
		{"yaml second document", "a.yaml", "tripwire: true\n---\ntripwire: false\n", []string{
			"a.yaml:2:1: found a second document; expected one document a file"}},
		{"yaml twice", "a.yaml", "log:\n  level: info\n  level: warn\n", []string{
			"a.yaml:3:3: log.level: found a second time; the first is on line 2"}},
		{"yaml list at the top", "a.yaml", "- a\n", []string{"a.yaml:1:1: found a list; expected settings, as in 'services:'"}},
		{"yaml alias of itself", "a.yaml", "a: &a [*a]\n", []string{
			"a.yaml:1:4: found more than 500000 values or 50 levels (aliases count); that is no configuration"}},
		{"toml syntax", "a.toml", "[log]\nlevel = \n", []string{"a.toml:2:9: TOML: unexpected character U+000A at start of value"}},
		{"toml twice", "a.toml", "[log]\nlevel = 'info'\nlevel = 'warn'\n", []string{"a.toml:3:1: TOML: key level is already defined"}},
		{"toml date", "a.toml", "[journal]\nmax_age = 1979-05-27\n", []string{
			"a.toml:2:11: journal.max_age: found a date or time; expected " + durationForm}},
		{"toml places", "a.toml", "[[services]]\nname = 'a'\nlisten = 1\nbackend = 2\n[services.limits]\nrate = 'x'\n[[services]]\n" +
			"name = 'b'\nlisten = [3,\n  'x:y:z']\nbackend = 4\nlimits = {max_opn = 5}\n", []string{
			`a.toml:6:8: services[0].limits.rate: found the text "x"; expected a number`,
			`a.toml:10:3: services[1].listen[1]: address "x:y:z": expected PORT, HOST:PORT, [IPV6]:PORT or unix:/PATH`,
			"a.toml:12:11: services[1].limits.max_opn: unknown key; did you mean max_open?"}},
		{"json syntax", "a.json", "{\"log\": {\n\"level\": tru}}", []string{"a.json:2:13: JSON: invalid character '}' in literal true (expecting 'e')"}},
		{"json that is yaml", "a.json", "log: {}\n", []string{"a.json:1:1: JSON: invalid character 'l' looking for beginning of value"}},
		{"json comma", "a.json", "{\"tripwire\": true,}\n", []string{"a.json:1:19: JSON: invalid character '}' looking for beginning of object key string"}},
		{"json twice", "a.json", "{\"log\": {\"level\": \"info\",\n \"level\": [1]}}", []string{"a.json:2:2: log.level: found a second time; the first is on line 1"}},
		{"json two values", "a.json", "{}\n{}", []string{"a.json:2:1: JSON: invalid character '{' after top-level value"}},
		{"binary", "a.yaml", "a: b\n\x7fELF", []string{"a.yaml:2:1: found the control character U+007F; expected a text file"}},
		{"not UTF-8", "a.toml", "# é\n# \xff", []string{"a.toml:2:3: found the byte 0xff, which is not UTF-8; expected a text file"}},
		{"huge", "a.yaml", strings.Repeat("#", maxFile+1), []string{"a.yaml: the file is larger than 1048576 bytes: that is no configuration"}},
		{"format", "a.conf", "a = b", []string{"a.conf: the format is told by the file's ending; expected .yaml, .yml, .toml or .json"}},
		{"everything at once", "a.yaml", "journal:\n  max_size: 5 weeks\n  max_age: 30\n  dri: x\nJournal: 5\nmax_age: 3d\n" +
			"services: postgres\nrecord: {dir: 5}\ntripwire: yes\nshutdown: {drain: -10s}\n", []string{
			`a.yaml:2:13: journal.max_size: size "5 weeks": expected a whole number with a unit, as in 512MiB or 2GiB`,
			`a.yaml:3:12: journal.max_age: found "30"; expected a duration with a unit, as in 30s, 30m or 30d`,
			"a.yaml:4:3: journal.dri: unknown key; did you mean dir?",
			"a.yaml:5:1: Journal: unknown key; did you mean journal?",
			"a.yaml:6:1: max_age: unknown key; did you mean journal.max_age?",
			`a.yaml:7:11: services: found the text "postgres"; expected a list; write services: and each element on a line that begins with a dash`,
			`a.yaml:8:15: record.dir: found the number 5; expected a text; write it in quotes: "5"`,
			`a.yaml:9:11: tripwire: found the text "yes"; expected true or false`,
			`a.yaml:10:19: shutdown.drain: found "-10s"; expected a duration that is not negative and has no sign`}},
		{"weak types", "a.json", `{"tripwire": "true", "watch": 1, "instance": 5, "journal": {"max_size": true}, "alerts": [],
"services": [{"name": "a", "listen": 1, "backend": 2, "limits": {"max_open": 1.5, "rate": "5", "burst": -1, "max_open_per_address": 1e30}}, null]}`, []string{
			`a.json:1:14: tripwire: found the text "true"; expected true or false; write it without quotes`,
			"a.json:1:31: watch: found the number 1; expected true or false",
			`a.json:1:46: instance: found the number 5; expected a text; write it in quotes: "5"`,
			"a.json:1:73: journal.max_size: found true; expected a size, as in 512MiB or 2GiB",
			"a.json:1:90: alerts: found a list; expected a table of settings",
			"a.json:2:78: services[0].limits.max_open: found the number 1.5; expected a whole number",
			`a.json:2:91: services[0].limits.rate: found the text "5"; expected a number; write it without quotes`,
			"a.json:2:105: services[0].limits.burst: found the number -1; expected a number that is not negative",
			"a.json:2:133: services[0].limits.max_open_per_address: found the number 1e+30; expected a whole number",
			"a.json:2:141: services[1]: found nothing; expected a table of settings"}},
		{"words", "a.yaml", "enforce: off\nlog: {level: wran, format: xml}\njournal: {durability: Disk}\n", []string{
			`a.yaml:1:10: enforce: unknown enforcement "off": expected one of on, observe`,
			`a.yaml:2:14: log.level: unknown log level "wran": expected one of debug, info, warn, error; did you mean warn?`,
			`a.yaml:2:28: log.format: unknown log format "xml": expected one of auto, console, json`,
			`a.yaml:3:23: journal.durability: unknown durability "Disk": expected one of process, disk, none; did you mean disk?`}},
		{"secret", "a.yaml", "alerts:\n  webhook: https://hooks.example/T0KEN\n", []string{
			"a.yaml:2:3: alerts.webhook: found a secret in a file; expected it in the environment (LODOOR_WEBHOOK), or in a file of its own that alerts.webhook_file names"}},
		{"names", "a.yaml", "instance: a/b\nservices:\n- {name: a, listen: 1, backend: 2}\n- {name: A b, listen: 3, backend: 2}\n- {listen: 4, backend: 2}\n- {name: a, listen: 5, backend: 2}\n", []string{
			`a.yaml:1:11: instance: found "a/b"; expected ` + nameForm,
			`a.yaml:4:10: services[1].name: found "A b"; expected ` + nameForm,
			"a.yaml:5:3: services[2].name: not given; every service needs a name: records and messages tell it",
			`a.yaml:6:10: services[3].name: "a" is the name of services[0] already`}},
		{"missing", "a.yaml", "services:\n- name: a\n- name: b\n  listen: []\n  backend:\n", []string{
			"a.yaml:2:3: services[0].backend: not given; expected the address of the local service, as in 5432 or unix:/run/app.sock",
			"a.yaml:2:3: services[0].listen: not given; expected where clients connect to, as in 62893",
			"a.yaml:4:11: services[1].listen: not given; expected where clients connect to, as in 62893",
			"a.yaml:5:11: services[1].backend: not given; expected the address of the local service, as in 5432 or unix:/run/app.sock"}},
		{"ports", "a.yaml", "services:\n- name: a\n  listen: 0\n  backend: 127.0.0.1:65536\n- name: b\n  listen: db:5\n  backend: :5\n", []string{
			`a.yaml:3:11: services[0].listen: port "0": expected a number from 1 to 65535`,
			`a.yaml:4:12: services[0].backend: port "65536": expected a number from 1 to 65535`,
			`a.yaml:6:11: services[1].listen[0]: found the name "db"; expected an address of this host, localhost or a port alone`,
			`a.yaml:7:12: services[1].backend: address ":5": the host before the colon is empty; write the port alone, or a host`}},
		{"a path", "a.yaml", "services:\n- name: a\n  listen: /run/a.sock\n  backend: 1\n", []string{
			`a.yaml:3:11: services[0].listen: address "/run/a.sock": a Unix socket is written unix:/PATH, with the path from the root`}},
		{"a ring without a folder", "a.yaml", "record:\n  ring: 5m\n", []string{
			"a.yaml:2:9: record.ring: found 5m, but record.dir (--record) says no directory that it would be written to; " +
				"expected one, since nothing is kept without"}},
		{"what to record", "a.yaml", "services:\n- {name: a, listen: 1, backend: 2}\nrecord:\n  when: service == \"b\"\n", []string{
			`a.yaml:4:9: record.when: line 1, column 12: service is never "b": expected one of a`}},
		{"TLS declined", "a.yaml", "services:\n- {name: a, listen: 1, backend: 2, tls: decline}\n" +
			"- {name: b, listen: 192.0.2.1:3, backend: 4, protocol: mysql, tls: decline}\n", []string{
			"a.yaml:2:41: services[0].tls: found decline; it is for services with protocol: postgres or mysql (--protocol, on the " +
				"command line), whose clients ask before they encrypt",
			"a.yaml:3:68: services[1].tls: found decline, and the door 192.0.2.1:3 is not on loopback; what is said there would " +
				"cross a network in the clear"}},
		{"record without a folder", "a.yaml", "services:\n- {name: a, listen: 1, backend: 2, record: true}\n", []string{
			"a.yaml:2:44: services[0].record: found true, but record.dir says no directory for the recordings"}},
		{"rules", "a.yaml", "rules:\n- {name: r, zones: [lna]}\n- {name: s, action: deny, services: [nope]}\nservices:\n- name: a\n  listen: 1\n  backend: 2\n  rules:\n" +
			"  - {name: t, action: allow, cidrs: [10.0.0.1/8], users: [5]}\n  - {name: u, action: allow, zones: []}\n", []string{
			`a.yaml:2:3: rules[0].action: rule "r": not given: expected one of allow, deny`,
			`a.yaml:2:21: rules[0].zones[0]: unknown zone "lna": expected one of unknown, unix, loopback, self, container, vpn, linklocal, lan, public; did you mean lan?`,
			`a.yaml:3:38: rules[1].services[0]: rule "s": unknown service "nope": expected one of a`,
			`a.yaml:9:38: services[0].rules[0].cidrs[0]: CIDR 10.0.0.1/8 has host bits: write 10.0.0.0/8 for the range, or 10.0.0.1 for the address alone`,
			`a.yaml:9:59: services[0].rules[0].users[0]: found the number 5; expected a text; write it in quotes: "5"`,
			`a.yaml:10:37: services[0].rules[1].zones: rule "u": the list is empty: leave it out to match any, or name what is to match`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := problems(t, LoadOptions{File: write(t, tt.file, tt.content)})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFronts(t *testing.T) {
	const remote = "is on another host, which would take every client for this one; " +
		"expected a local address, or allow_remote_backend: true (--allow-remote-backend) if it is meant"
	for _, tt := range []struct{ a, b, c, want string }{ // listen of a; listen and backend of b
		{"1", "2", "9", ""},
		{"1", "1", "9", "1 is taken"},
		{"1", "127.0.0.1:1", "9", "is taken"},
		{"1", "localhost:1", "9", "is taken"},
		{"1", `"[::1]:1"`, "9", "is taken"},
		{"127.0.0.1:1", `"[::1]:1"`, "9", ""},
		{"0.0.0.0:1", `"[::1]:1"`, "9", ""},
		{"0.0.0.0:1", "1", "9", "is taken"},
		{`"[::]:1"`, "127.0.0.1:1", "9", "is taken"},
		{`"[::]:1"`, "0.0.0.0:1", "9", "is taken"},
		{"0.0.0.0:1", "192.0.2.10:1", "9", "is taken"},
		{"127.0.0.1:1", "127.0.0.2:1", "9", ""},
		{"unix:/run/a", "unix:/run/../run/a", "9", "is taken"},
		{"unix:/run/a", "unix:/run/b", "9", ""},
		{"[1, 1]", "2", "9", "1 is taken: service \"a\" listens on 1"},
		{"1", "2", "2", "2 is the service's own front"},
		{"1", "2", "127.0.0.1:2", "is the service's own front"},
		{"1", "2", "127.0.0.2:2", ""},
		{"1", "0.0.0.0:2", "192.0.2.10:2", "is the service's own front"},
		{"1", "0.0.0.0:2", "192.0.2.10:3", ""},
		{"1", "2", "1", `is the front of service "a"`},
		{"1", "unix:/run/b", "unix:/run/b", "is the service's own front"},
		{"1", "2", "0.0.0.0:9", "which is every address of this host"},
		{"1", "2", "198.51.100.1:9", remote},
		{"1", "2", "db.example:9", remote},
		{"1", "2", "db.localhost:9", ""},
		{"1", "2", "192.0.2.10:9", ""},
		{"1", "2", `"[2001:db8::1]:9"`, remote},
		{"1", "2", "198.51.100.1:9\n  allow_remote_backend: true", ""},
		{"1", "2", "198.51.100.1:9\nallow_remote_backend: true", ""},
	} {
		content := "services:\n- name: a\n  listen: " + tt.a + "\n  backend: 8\n- name: b\n  listen: " + tt.b + "\n  backend: " + tt.c + "\n"
		_, err := Load(apart(LoadOptions{File: write(t, "a.yaml", content)}))
		var e *Error
		switch {
		case tt.want == "" && err == nil:
		case !errors.As(err, &e) || len(e.Problems) != 1 || tt.want == "" || !strings.Contains(e.Problems[0].Text, tt.want):
			t.Errorf("%s%v\nexpected %q", content, err, tt.want)
		}
	}
}

func TestInvalidEnvironment(t *testing.T) {
	got := problems(t, LoadOptions{Environ: []string{
		"LODOOR_JOURNAL_MAXSIZE=5", "LODOOR_TRIPWIRE=1", "LODOOR_SHUTDOWN_DRAIN=10", "LODOOR_ENFORCE=maybe", "LODOOR_RULES=x",
		"LODOOR_SERVICES_NAME=x", "LODOOR_ZZZZZZZZZZ=x", "LODOOR_LOG_LEVEL=", "LODOOR_TYPO=", "LODOOR_RUN=a:b,c", "HOME=/",
		"LODOOR_PORT=tcp://10.0.0.1:62893", "LODOOR_PORT_62893_TCP_ADDR=10.0.0.1", "LODOOR_SERVICE_PORT_PG=62893",
	}})
	want := []string{
		`LODOOR_ENFORCE: enforce: unknown enforcement "maybe": expected one of on, observe`,
		"LODOOR_JOURNAL_MAXSIZE: unknown variable; did you mean LODOOR_JOURNAL_MAX_SIZE?",
		"LODOOR_RULES: unknown variable: rules is a list, which only a file can give (services also LODOOR_RUN)",
		`LODOOR_RUN: "a:b": port "b": expected a number from 1 to 65535; a service is ` + runForm,
		"LODOOR_SERVICES_NAME: unknown variable: services is a list, which only a file can give (services also LODOOR_RUN)",
		`LODOOR_SHUTDOWN_DRAIN: shutdown.drain: found "10"; expected a duration with a unit, as in 10s, 10m or 10d`,
		`LODOOR_TRIPWIRE: tripwire: found the text "1"; expected true or false`,
		"LODOOR_ZZZZZZZZZZ: unknown variable",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInvalidCommandLine(t *testing.T) {
	run, err := ParseRuns([]string{"a=62893:5432", "a=62893:62893"})
	must(t, err)
	got := problems(t, LoadOptions{Services: run, Flags: []Flag{
		{"--enforce", "enforce", "off"}, {"--durability", "journal.durability", "dsik"}, {"--drain", "shutdown.drain", "5"},
	}})
	want := []string{
		`--drain: found "5"; expected a duration with a unit, as in 5s, 5m or 5d`,
		`--durability: unknown durability "dsik": expected one of process, disk, none; did you mean disk?`,
		`--enforce: unknown enforcement "off": expected one of on, observe`,
		`the command line: services[1].backend: 62893 is the service's own front: sessions would go round for ever; expected the address of the local service`,
		`the command line: services[1].listen[0]: 62893 is taken: service "a" listens on 62893; expected an address of its own`,
		`the command line: services[1].name: "a" is the name of services[0] already`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := problems(t, LoadOptions{RequireServices: true}); len(got) != 1 || !strings.Contains(got[0], "there is no service") {
		t.Errorf("%q", got)
	}
}

func TestEmptyFiles(t *testing.T) {
	for name, content := range map[string]string{
		"a.yaml": "", "b.yml": "# nothing\n", "c.yaml": "---\n", "d.toml": "\n", "e.json": " ", "f.json": "{}", "g.json": "null",
		"h.yaml": "\uFEFFservices:\njournal:\n  dir:\nlog: ~\n",
	} {
		l := load(t, LoadOptions{File: write(t, name, content)})
		if diff := cmp.Diff(Default(), l.Config); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestSecretStaysHidden(t *testing.T) {
	const secret = "https://hooks.example/T0KEN"
	l := load(t, LoadOptions{Environ: []string{"LODOOR_WEBHOOK=" + secret}})
	if l.Config.Alerts.Channels.Webhook != secret {
		t.Errorf("webhook %q", l.Config.Alerts.Channels.Webhook)
	}
	b, err := l.JSON(true)
	must(t, err)
	if all := l.YAML(true) + string(b) + strings.Join(l.Warnings, ""); strings.Contains(all, "T0KEN") || !strings.Contains(all, hidden) {
		t.Error(all)
	}
	for _, environ := range [][]string{
		{"LODOOR_WEBHOOK=ftp://hooks.example/T0KEN"}, {"LODOOR_WEBHOOK=T0KEN"}, {"LODOOR_WEBHOOK=http://%T0KEN"},
		{"LODOOR_WEBHOOK=" + secret, "LODOOR_ALERTS_WEBHOOK=" + secret + "2"},
	} {
		got := strings.Join(problems(t, LoadOptions{Environ: environ}), "\n")
		if strings.Contains(got, "T0KEN") || !strings.Contains(got, "LODOOR_WEBHOOK") {
			t.Error(got)
		}
	}
}

func TestWebhookPrecedence(t *testing.T) {
	file := write(t, "a.yaml", "alerts: {webhook_file: /of/file}\n")
	environ := []string{"LODOOR_WEBHOOK=https://hooks.example/"}
	a := load(t, LoadOptions{File: file, Environ: environ}).Config.Alerts.Channels
	if a.WebhookFile != "" || a.Webhook == "" {
		t.Errorf("the file is preferred to the environment: %+v", a)
	}
	a = load(t, LoadOptions{File: file, Environ: environ, Flags: []Flag{{"--webhook-file", "alerts.webhook_file", "/of/flag"}}}).Config.Alerts.Channels
	if a.WebhookFile != "/of/flag" || a.Webhook != "" {
		t.Errorf("the environment is preferred to the command line: %+v", a)
	}
	got := problems(t, LoadOptions{Environ: append(environ, "LODOOR_ALERTS_WEBHOOK_FILE=/of/env")})
	if len(got) != 1 || !strings.Contains(got[0], "set one of them") {
		t.Errorf("%q", got)
	}
}

func TestSearch(t *testing.T) {
	home, xdg, system := t.TempDir(), t.TempDir(), t.TempDir()
	file := func(parts ...string) string {
		path := filepath.Join(parts...)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		put(t, path, "")
		return path
	}
	o := LoadOptions{SystemDir: system, Environ: []string{"HOME=" + home}, OwnAddrs: apart(LoadOptions{}).OwnAddrs}
	check := func(want string) *Loaded {
		t.Helper()
		l, err := Load(o)
		if err != nil {
			t.Fatal(err)
		}
		if l.File != want {
			t.Errorf("found %q, expected %q", l.File, want)
		}
		return l
	}
	t.Chdir(t.TempDir())
	file("lodoor.yaml") // not searched
	check("")
	inSystem := file(system, "lodoor.json")
	put(t, inSystem, "{}")
	check(inSystem)
	check(file(home, ".config", "lodoor", "lodoor.toml"))
	o.Environ = append(o.Environ, "XDG_CONFIG_HOME=relative")
	check(filepath.Join(home, ".config", "lodoor", "lodoor.toml"))
	o.Environ = append(o.Environ, "XDG_CONFIG_HOME="+xdg)
	check(inSystem)
	file(xdg, "lodoor", "lodoor.toml")
	inXDG := file(xdg, "lodoor", "lodoor.yaml")
	if l := check(inXDG); len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "lodoor.toml is not read") {
		t.Errorf("warnings %q", l.Warnings)
	}
	o.Environ = append(o.Environ, "LODOOR_CONFIG="+inSystem)
	check(inSystem)
	o.File = inXDG
	check(inXDG)

	for _, named := range []LoadOptions{{File: "/nonexistent/a.yaml"}, {Environ: []string{"LODOOR_CONFIG=/nonexistent/a.yaml"}}, {File: home}} {
		if got := problems(t, named); len(got) != 1 || !strings.Contains(got[0], "cannot be read: ") {
			t.Errorf("%q", got)
		}
	}
}

func TestWritableByOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes")
	}
	file := write(t, "a.yaml", "")
	if l := load(t, LoadOptions{File: file}); len(l.Warnings) != 0 {
		t.Errorf("warnings %q", l.Warnings)
	}
	must(t, os.Chmod(file, 0o664))
	if l := load(t, LoadOptions{File: file}); len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "can be written by others (mode 0664)") {
		t.Errorf("warnings %q", l.Warnings)
	}
}

func TestProcessWaitOutOfBounds(t *testing.T) {
	_, err := Load(LoadOptions{File: write(t, "lodoor.yaml", "process_wait: 2h\n"), Environ: []string{}})
	if err == nil || !strings.Contains(err.Error(), "lodoor.yaml:1:15: process_wait: 2h") {
		t.Error(err)
	}
}

func TestUnknownUserOfAProxy(t *testing.T) {
	text := "services:\n- {name: a, listen: 6000, backend: 6001, proxy_protocol: {from: {users: [nobody-has-this-name]}}}\n"
	_, err := Load(LoadOptions{File: write(t, "lodoor.yaml", text), Environ: []string{}})
	if err == nil || !strings.Contains(err.Error(), `lodoor.yaml:2:74: services[0].proxy_protocol.from.users[0]: unknown user "nobody-has-this-name"`) {
		t.Error(err)
	}
}

// What takes PROXY headers must be a front of the service; how it is written makes no difference.
func TestHeaderAtWhatIsNoFront(t *testing.T) {
	const service = "services:\n- {name: a, listen: [6000, '127.0.0.2:6002', 'unix:/tmp/a'], backend: 6001, proxy_protocol: {from: {users: ['0']}, listen: %s}}\n"
	for listen, want := range map[string]string{
		"6000": "", "[localhost:6000, '127.0.0.2:6002']": "", "['unix:/tmp/a', '[::1]:6000']": "",
		"6002": `lodoor.yaml:2:124: services[0].proxy_protocol.listen[0]: 6002 is no front of service "a"; ` +
			"expected one of its listen addresses, 6000 or 127.0.0.2:6002 or unix:/tmp/a",
		"[6000, '0.0.0.0:6000']": `lodoor.yaml:2:131: services[0].proxy_protocol.listen[1]: 0.0.0.0:6000 is no front of service "a"; `,
		"[6000, x]":              `lodoor.yaml:2:131: services[0].proxy_protocol.listen[1]: port "x": expected a number from 1 to 65535`,
	} {
		_, err := Load(LoadOptions{File: write(t, "lodoor.yaml", fmt.Sprintf(service, listen)), Environ: []string{}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", listen, err)
		}
	}
}
