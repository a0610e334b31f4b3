package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

func redisSays(t *testing.T, port, input string) string {
	t.Helper()
	cmd := exec.Command(testkit.Program(t, "redis-cli"), "-p", port)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	return string(out)
}

// TestRecordAsBackend records a session, has the recording answer, and plays it.
func TestRecordAsBackend(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	dir := filepath.Join(t.TempDir(), "recordings")
	door := openDoor(t, strconv.Itoa(server.Port), "--record", dir)
	want := redisSays(t, door.portText(), "SET a 1\nINCR a\nGET a\n")
	door.settle()
	files, err := filepath.Glob(filepath.Join(dir, "*.pcapng"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %v, %v", files, err)
	}
	ports := filepath.Join(t.TempDir(), "port")
	backend := testkit.Start(t, door.Command("record", "replay", files[0], "--as-backend", "--listen", "0", "--port-file", ports, "--strict"))
	var port string
	testkit.Wait(t, "the recording to answer", func() bool {
		b, err := os.ReadFile(ports)
		_, port, _ = strings.Cut(strings.TrimSpace(string(b)), "127.0.0.1:")
		return err == nil || backend.Exited()
	}, 20*time.Second)
	if got := redisSays(t, port, "SET a 1\nINCR a\nGET a\n"); got != want {
		t.Errorf("the service said %q, the recording %q", want, got)
	}
	redisSays(t, port, "GET \"other\\x1b[31m\"\n")
	if code := backend.Stop(); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	if out := backend.Stdout(); !strings.Contains(out, "1 recorded session answers as redis at 127.0.0.1:"+port) {
		t.Errorf("it says %q", out)
	}
	for _, want := range []string{`not in the recording: GET other\x1b[31m`, "1 question was not in the recording"} {
		if out := backend.Stderr(); !strings.Contains(out, want) {
			t.Errorf("it does not say %q: %q", want, out)
		}
	}
	fresh := testkit.Redis(t)
	out, errs, code := door.Run("record", "replay", files[0], "--to", strconv.Itoa(fresh.Port))
	if code != exitOK {
		t.Errorf("replay ended with %d:\n%s%s", code, out, errs)
	}
}

func TestRecordAsBackendUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"--as-backend", "--as-backend needs --listen ADDRESS"},
		{"--as-backend --listen 0.0.0.0:1", "--listen 0.0.0.0:1 is no loopback address"},
		{"--as-backend --listen nowhere:1", `--listen "nowhere:1": expected [HOST:]PORT`},
		{"--as-backend --listen 1 --to 2", "--to does not go with --as-backend"},
		{"--to 2 --strict", "--strict goes with --as-backend only"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), append([]string{"record", "replay", "file"}, strings.Fields(c.args)...), &out, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%s: code %d, %q: expected %q", c.args, code, errs.String(), c.want)
		}
	}
}
