package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// lodoor runs a command in this process and returns what it printed.
func lodoorRuns(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(context.Background(), args, &out, &errs); got != code {
		t.Fatalf("lodoor %q ended with %d:\n%s", args, got, errs.String())
	}
	return out.String(), errs.String()
}

// recordedDoor is a door that records with settings of a configuration file.
type recordedDoor struct {
	*testDoor
	dir string
}

func openRecordedDoor(t *testing.T, backend int, record string) *recordedDoor {
	t.Helper()
	d := &recordedDoor{testDoor: &testDoor{t: t, port: testkit.FreePort(t)}, dir: filepath.Join(t.TempDir(), "recordings")}
	d.testDoor.dir = filepath.Join(t.TempDir(), "journal")
	config := filepath.Join(t.TempDir(), "lodoor.yaml")
	text := fmt.Sprintf("services:\n- {name: svc, listen: \"127.0.0.1:%d\", backend: \"127.0.0.1:%d\"}\njournal: {dir: %s}\nrecord:\n  dir: %s\n%s",
		d.port, backend, d.testDoor.dir, d.dir, record)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Door = testkit.NewHome(t).Start("--config", config)
	return d
}

// objects are the lines of a command that prints JSON.
func objects[T any](t *testing.T, text string) (all []T) {
	t.Helper()
	for line := range strings.Lines(text) {
		var one T
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, one)
	}
	return all
}

// TestReadPgbench reads recordings in several files, compressed and encrypted, against what the journal says.
func TestReadPgbench(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(keys, []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := openRecordedDoor(t, pg.Port, "  compress: zstd\n  rotate_size: 64KiB\n  encrypt_to: ["+key.Recipient().String()+"]\n")
	through := []string{"-h", "127.0.0.1", "-p", d.portText(), "-U", "postgres"}
	testkit.Run(t, "pgbench", append(append([]string{}, through...), "-i", "-q", "postgres")...)
	testkit.Run(t, "pgbench", append(append([]string{}, through...), "-M", "prepared", "-c", "4", "-t", "200", "postgres")...)
	closes := d.settle()

	read := []string{"--identity", keys, d.dir}
	out, _ := lodoorRuns(t, exitOK, append([]string{"record", "ls", "--json"}, read...)...)
	files := objects[listedFile](t, out)
	if len(files) < 3 {
		t.Fatalf("%d files: nothing goes on in another file", len(files))
	}
	for _, f := range files {
		if !f.Compressed || !f.Encrypted || f.Unfinished || f.Torn || f.Sessions == nil {
			t.Errorf("%+v", f)
		}
	}
	checkStats(t, closes, read)
	checkShown(t, closes, read)
	checkExported(t, d, closes, read)

	locked, errs := lodoorRuns(t, exitOK, "record", "ls", d.dir)
	if !strings.Contains(locked, ".pcapng.zst.age") || errs != "" {
		t.Errorf("without the key: %s%s", locked, errs)
	}
	for _, command := range []string{"stats", "grep x", "export --to -"} {
		args := append([]string{"record"}, strings.Fields(command)...)
		if _, errs := lodoorRuns(t, exitFailure, append(args, d.dir)...); !strings.Contains(errs, "encrypted: --identity FILE gives the key") {
			t.Errorf("%s without the key: %s", command, errs)
		}
	}
	_, errs = lodoorRuns(t, exitUsage, "record", "ls", d.dir, "--identity", keys+".none")
	if !strings.Contains(errs, "--identity: open the identities") {
		t.Error(errs)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, []byte(other.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs = lodoorRuns(t, exitFailure, append([]string{"record", "show", closes[0].Session.Short()}, read...)...)
	if !strings.Contains(errs, "not to the identity that was given") {
		t.Error(errs)
	}
}

// checkStats compares what stats adds up with what the close records say.
func checkStats(t *testing.T, closes []flow.Record, read []string) {
	t.Helper()
	out, _ := lodoorRuns(t, exitOK, append([]string{"record", "stats", "--json"}, read...)...)
	got := objects[recordStats](t, out)[0]
	var want recordStats
	for _, r := range closes {
		want.FromClient += r.Outcome.FromClient
		want.FromBackend += r.Outcome.FromBackend
		want.Kept += r.Outcome.TapKept
	}
	if got.Sessions != len(closes) || got.FromClient != want.FromClient || got.FromBackend != want.FromBackend ||
		got.Kept != want.Kept || got.Unfinished != 0 || got.Late != 0 {
		t.Errorf("stats say %+v, close records %d sessions, %+v", got, len(closes), want)
	}
}

// checkShown shows the busiest session, which goes through several files: every statement is there.
func checkShown(t *testing.T, closes []flow.Record, read []string) {
	t.Helper()
	busy := busiest(closes)
	out, _ := lodoorRuns(t, exitOK, append([]string{"record", "show", busy.Session.String()}, read...)...)
	if n := len(lines(out, ">  UPDATE pgbench_branches SET bbalance")); n < 200 {
		t.Errorf("%d of 200 statements are shown: %.3000s", n, out)
	}
	if files := strings.Count(out, ".pcapng.zst.age"); files < 2 || strings.Contains(out, "cannot be read") || strings.Contains(out, "not recognised") {
		t.Errorf("of %d files: %.3000s", files, out)
	}
	raw, _ := lodoorRuns(t, exitOK, append([]string{"record", "show", busy.Session.String(), "--raw", "--from", "client"}, read...)...)
	if uint64(len(raw)) != busy.Outcome.FromClient {
		t.Errorf("%d bytes of %d", len(raw), busy.Outcome.FromClient)
	}
	found, _ := lodoorRuns(t, exitOK, append([]string{"record", "grep", "UPDATE pgbench_branches", "--session", busy.Session.String()}, read...)...)
	if n := len(lines(found, busy.Session.Short())); n < 1 {
		t.Errorf("grep found %q", found)
	}
}

// busiest is the session to which the service answered most.
func busiest(closes []flow.Record) *flow.Record {
	most := &closes[0]
	for i := range closes {
		if r := &closes[i]; r.Outcome.FromBackend > most.Outcome.FromBackend {
			most = r
		}
	}
	return most
}

// checkExported exports everything to one file: tshark reads it, and so do we.
func checkExported(t *testing.T, d *recordedDoor, closes []flow.Record, read []string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "all.pcapng")
	lodoorRuns(t, exitOK, append([]string{"record", "export", "--to", to}, read...)...)
	checkFile(t, to)
	checkStats(t, closes, []string{to})
	out := testkit.Run(t, "tshark", "-r", to, "-d", "tcp.port=="+d.portText()+",pgsql", "-Y", `pgsql.query contains "UPDATE pgbench_branches"`,
		"-T", "fields", "-e", "frame.interface_name")
	if !strings.Contains(out, "svc front") {
		t.Errorf("tshark sees %.1000s", out)
	}
	asJSON, _ := lodoorRuns(t, exitOK, append([]string{"record", "export", "--format", "json", "--to", "-"}, read...)...)
	if n := strings.Count(asJSON, `"text":"UPDATE pgbench_branches`); n < 4*200 {
		t.Errorf("%d of 800 operations are exported", n)
	}
	if strings.Contains(asJSON, `"event":"data"`) {
		t.Error("something was not read")
	}
}

// TestReadSecrets records without redaction: what is exported has no passwords all the same, unless it is asked for.
func TestReadSecrets(t *testing.T) {
	server := testkit.Redis(t)
	d := openRecordedDoor(t, server.Port, "  redact: {authentication: false}\n")
	const secret = "planted-secret"
	testkit.Run(t, "redis-cli", "-p", d.portText(), "config", "set", "requirepass", secret)
	testkit.Run(t, "redis-cli", "-p", d.portText(), "--no-auth-warning", "-a", secret, "set", "key", "value-1234")
	d.settle()
	if all, _ := lodoorRuns(t, exitOK, "record", "grep", secret, d.dir); all == "" {
		t.Fatal("the recording has no secret")
	}
	for _, format := range []string{"pcapng", "raw", "json"} {
		to := filepath.Join(t.TempDir(), format)
		export := []string{"record", "export", d.dir, "--format", format, "--to", to}
		lodoorRuns(t, exitOK, export...)
		if has := grepFiles(t, to, secret); has || !grepFiles(t, to, "key") {
			t.Errorf("%s: the secret was exported, or nothing was", format)
		}
		lodoorRuns(t, exitOK, append(export[:len(export)-1], to+"-all", "--redact", "none")...)
		if format != "json" && !grepFiles(t, to+"-all", secret) {
			t.Errorf("%s: --redact none overwrote something", format)
		}
		lodoorRuns(t, exitOK, append(export[:len(export)-1], to+"-less", "--redact", "authentication,parameters")...)
		if grepFiles(t, to+"-less", "value-1234") {
			t.Errorf("%s: --redact parameters left a value", format)
		}
	}
}

// grepFiles says whether a file, or one of those in a directory, has a text.
func grepFiles(t *testing.T, at, text string) bool {
	t.Helper()
	files := []string{at}
	if some, err := filepath.Glob(filepath.Join(at, "*")); err == nil && len(some) > 0 {
		files = some
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}

// TestReadLate exports a part of a session whose begin is not there: no payload of it, unless everything is asked for.
func TestReadLate(t *testing.T) {
	server := testkit.Redis(t)
	d := openRecordedDoor(t, server.Port, "  rotate_size: 64KiB\n")
	testkit.Run(t, "redis-benchmark", "-p", d.portText(), "-t", "set", "-c", "1", "-n", "3000", "-d", "64", "-q")
	closes := d.settle()
	out, _ := lodoorRuns(t, exitOK, "record", "ls", d.dir, "--json")
	files := objects[listedFile](t, out)
	if len(files) < 3 {
		t.Fatalf("recordings %+v", files)
	}
	last := files[len(files)-1].File
	to := filepath.Join(t.TempDir(), "late.pcapng")
	_, errs := lodoorRuns(t, exitOK, "record", "export", last, "--to", to)
	if !strings.Contains(errs, "begun before the recording, and cannot be looked through for passwords") || grepFiles(t, to, "SET") {
		t.Errorf("export said %s", errs)
	}
	lodoorRuns(t, exitOK, "record", "export", last, "--redact", "none", "--to", to+"2")
	if !grepFiles(t, to+"2", "SET") {
		t.Error("--redact none exported nothing")
	}
	all := filepath.Join(t.TempDir(), "all.pcapng")
	if _, errs := lodoorRuns(t, exitOK, "record", "export", d.dir, "--to", all); strings.Contains(errs, "warning") {
		t.Errorf("of all files export says %s", errs)
	}
	checkStats(t, closes, []string{all})
	out, _ = lodoorRuns(t, exitOK, "record", "show", busiest(closes).Session.Short(), last)
	if !strings.Contains(out, "before the recording, which has it from") {
		t.Errorf("show says %.1000s", out)
	}
}

// TestReadTLS exports encrypted sessions with their secrets: tshark decrypts them from the file alone, and no others.
func TestReadTLS(t *testing.T) {
	testkit.Need(t, "tshark")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "answer to %s\n", r.URL.Path)
	}))
	defer server.Close()
	_, port, _ := strings.Cut(server.Listener.Addr().String(), ":")
	backend, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	d := openRecordedDoor(t, backend, "")
	keys := filepath.Join(t.TempDir(), "keys.txt")
	log, err := os.Create(keys)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, path := range []string{"/first", "/second"} {
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.KeyLogWriter, transport.DisableKeepAlives = log, true
		got, err := (&http.Client{Transport: transport}).Get("https://" + d.addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
	}
	closes := d.settle()
	_, said := lodoorRuns(t, exitFailure, "record", "export", d.dir, "--keylog", d.testDoor.dir+"/none", "--to", keys+".x")
	if !strings.Contains(said, "open the TLS secrets") {
		t.Error(said)
	}
	to := filepath.Join(t.TempDir(), "plain.pcapng")
	_, said = lodoorRuns(t, exitOK, "record", "export", d.dir, "--keylog", keys, "--session", closes[0].Session.String(), "--to", to)
	if !strings.Contains(said, "can be decrypted from what is exported") {
		t.Error(said)
	}
	secrets, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	if all := bytes.Count(secrets, []byte("CLIENT_TRAFFIC_SECRET_0")); all != 2 || !grepFiles(t, to, "CLIENT_TRAFFIC_SECRET_0") {
		t.Fatalf("%d sessions have logged secrets, or none is in the file", all)
	}
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	asked := testkit.Run(t, "tshark", "-r", to, "-d", "tcp.port=="+d.portText()+",tls", "-Y", "http.request", "-T", "fields", "-e", "http.request.uri")
	if strings.Join(strings.Fields(asked), " ") != "/first /first" { // on both legs
		t.Errorf("tshark decrypts %q", asked)
	}
	shown, _ := lodoorRuns(t, exitOK, "record", "show", closes[1].Session.Short(), d.dir)
	if !strings.Contains(shown, "what is said from here on is encrypted") || strings.Contains(shown, " |") ||
		!strings.Contains(shown, "encrypted: ") {
		t.Error(shown)
	}
}
