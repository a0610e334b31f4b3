//go:build unix

package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// TestMain is another user's program, too, when a test has started it as one.
func TestMain(m *testing.M) {
	if path := os.Getenv("LODOOR_TEST_ASK"); path != "" {
		fmt.Fprintln(os.Stdout, "asked:", ask(path))
		return
	}
	goleak.VerifyTestMain(m)
}

// ask says what a door answers, if only by an error.
func ask(path string) error {
	c, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	defer c.Close()
	_, _ = c.Write([]byte("GET /v1/door HTTP/1.0\r\n\r\n"))
	_, err = bufio.NewReader(c).ReadString('\n')
	return err
}

// house is a door with one session.
type house struct {
	session    proxy.View
	killed     []flow.SessionID
	broken     error
	alerts     *alert.Alerts
	raised     []flow.Record
	recordings []Recording
}

func (h *house) About() About {
	return About{Instance: "one", PID: os.Getpid(), Version: "v1", Source: "flags", Services: []Service{{Name: "pg"}}}
}

func (h *house) Status() Status {
	return Status{Instance: "one", Services: []ServiceStatus{{Service: Service{Name: "pg"}, Opened: 7}},
		Feeds: []FeedStatus{{Name: "nats", Behind: 3, Lag: time.Second}}}
}

func (h *house) Alerts() *alert.Alerts { return h.alerts }

func (h *house) Sessions() []proxy.View { return []proxy.View{h.session} }

func (h *house) Kill(id flow.SessionID) bool {
	if id != h.session.ID {
		return false
	}
	h.killed = append(h.killed, id)
	return true
}

func (h *house) Reload(context.Context) (string, error) { return "door.yaml", h.broken }

func (h *house) Explain(id flow.SessionID) (rules.Explanation, bool) {
	return rules.Explanation{Service: "pg", Action: flow.Allow}, id == h.session.ID
}

func newHouse() *house {
	h := &house{session: proxy.View{
		ID: flow.NewSessionID(), Service: "pg", Accepted: time.Now(), Running: true, FromClient: 7, FromBackend: 9,
		Leg: netip.MustParseAddrPort("127.0.0.1:4000"),
		Peer: flow.Peer{
			Addr: netip.MustParseAddrPort("127.0.0.1:5000"), Front: netip.MustParseAddrPort("127.0.0.1:6000"),
			Zone: flow.ZoneLoopback, Proof: flow.ProofIngress,
		},
		Origin: flow.Origin{Attribution: flow.AttributionLiveSocket, UID: 7, PID: 4242, Program: "psql\x1b"},
	}}
	var err error
	h.alerts, err = alert.New(alert.Config{Append: func(r flow.Record) { h.raised = append(h.raised, r) }})
	if err != nil {
		panic(err)
	}
	return h
}

// serve opens a door's control socket in a directory of the test's own.
func serve(t *testing.T, instance string, d Door) {
	t.Helper()
	l, err := Listen(instance)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, d) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// find finds the one door that runs.
func find(t *testing.T) *Client {
	t.Helper()
	found, _, err := Find(t.Context())
	if err != nil || len(found) != 1 {
		t.Fatalf("%d doors, %v", len(found), err)
	}
	return found[0]
}

func TestADoorAnswers(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", filepath.Join(t.TempDir(), "run"))
	h := newHouse()
	serve(t, "one", h)
	c := find(t)
	if c.Instance != "one" || c.PID != os.Getpid() || c.Services[0].Name != "pg" {
		t.Errorf("%+v", c.About)
	}
	want := h.Status()
	if s, err := c.Status(t.Context()); err != nil || !cmp.Equal(s, want) {
		t.Errorf("the status is %+v, %v, want %+v", s, err, want)
	}
	sessions, err := c.Sessions(t.Context())
	if err != nil || len(sessions) != 1 {
		t.Fatalf("%v, %v", sessions, err)
	}
	s := sessions[0]
	e, err := journal.Decode(s.Record)
	if err != nil || e.Record.Session != h.session.ID || e.Record.Origin.Program != "psql\x1b" || e.Record.Peer.Addr.Port() != 5000 {
		t.Errorf("%s: %+v, %v", s.Record, e.Record, err)
	}
	if !s.Running || s.FromClient != 7 || s.FromBackend != 9 || s.Leg != "127.0.0.1:4000" {
		t.Errorf("%+v", s)
	}
	if e, err := c.Explain(t.Context(), h.session.ID); err != nil || e.Action != flow.Allow || e.Service != "pg" {
		t.Errorf("%+v, %v", e, err)
	}
	if err := c.Kill(t.Context(), h.session.ID); err != nil || len(h.killed) != 1 {
		t.Errorf("kill: %v, %v", h.killed, err)
	}
	for what, err := range map[string]error{
		"kill":    c.Kill(t.Context(), flow.NewSessionID()),
		"explain": func() error { _, err := c.Explain(t.Context(), flow.NewSessionID()); return err }(),
	} {
		if !errors.Is(err, ErrNotOpen) {
			t.Errorf("%s of nothing: %v", what, err)
		}
	}
}

func TestReloadThroughTheSocket(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", t.TempDir())
	h := newHouse()
	serve(t, "one", h)
	c := find(t)
	if source, err := c.Reload(t.Context()); err != nil || source != "door.yaml" {
		t.Errorf("%q, %v", source, err)
	}
	h.broken = errors.New("line 3: no")
	var rejected *RejectedError
	if _, err := c.Reload(t.Context()); !errors.As(err, &rejected) || rejected.Reason != "line 3: no" {
		t.Errorf("%v", err)
	}
}

func TestASocketIsTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	t.Setenv("RUNTIME_DIRECTORY", dir)
	serve(t, "one", newHouse())
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "one.sock"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode().Perm(), err)
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen("two"); err == nil || !strings.Contains(err.Error(), "can be written by others (mode 0777)") {
		t.Errorf("a socket among others' files: %v", err)
	}
	if _, _, err := Find(t.Context()); err == nil {
		t.Error("a socket that others could have made was believed")
	}
}

func TestOneSocketForOneDoor(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", t.TempDir())
	serve(t, "one", newHouse())
	if _, err := Listen("one"); err == nil || !strings.Contains(err.Error(), "another door listens") {
		t.Errorf("%v", err)
	}
	find(t)
}

// A door that was killed leaves its socket behind.
func TestALeftSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "one.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	if found, _, err := Find(t.Context()); len(found) != 0 || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	serve(t, "one", newHouse())
	find(t)
}

// The mode of the socket keeps others out; if it did not, who they are would.
func TestAnotherUserIsNotAnswered(t *testing.T) {
	testkit.NeedRoot(t)
	dir, err := os.MkdirTemp("", "lodoor-control") // where nobody may go
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("RUNTIME_DIRECTORY", dir)
	serve(t, "one", newHouse())
	path := filepath.Join(dir, "one.sock")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "LODOOR_TEST_ASK="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "connection reset by peer") && !strings.Contains(string(out), "asked: EOF") {
		t.Errorf("%v: %s", err, out)
	}
	find(t)
}

func TestPathsFit(t *testing.T) {
	long := strings.Repeat("x", 80)
	for _, dir := range []string{"/run/lodoor", "/" + strings.Repeat("d", 60)} {
		a, b := pathOf(dir, long), pathOf(dir, long+"y")
		if len(a) > pathMax || a == b || filepath.Dir(a) != dir || !strings.HasSuffix(a, suffix) {
			t.Errorf("%s and %s", a, b)
		}
	}
	if got := pathOf("/run/lodoor", "pg"); got != "/run/lodoor/pg.sock" {
		t.Error(got)
	}
}

func TestPlacesOfSockets(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", "")
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	if got := Dir(); got != "/run/user/7/lodoor" {
		t.Error(got)
	}
	t.Setenv("RUNTIME_DIRECTORY", "/run/a:/run/b")
	if got := Dir(); got != "/run/a" {
		t.Error(got)
	}
	if got := dirs(); len(got) != 1 {
		t.Errorf("a unit with a place of its own looks in %q, too", got)
	}
}

// Doors that the environment does not speak of are looked for all the same.
func TestPlacesBesideTheEnvironment(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", "")
	t.Setenv("TMPDIR", "/var/tmp")
	uid := strconv.Itoa(os.Geteuid())
	login := "/run/user/" + uid + "/lodoor"
	always := []string{"/var/tmp/lodoor-" + uid, "/tmp/lodoor-" + uid, login, "/run/lodoor"}
	if uid == "0" {
		always = []string{"/run/lodoor", login}
	}
	for xdg, want := range map[string][]string{"": always, "/run/x": append([]string{"/run/x/lodoor"}, always...)} {
		t.Setenv("XDG_RUNTIME_DIR", xdg)
		if got := dirs(); !slices.Equal(got, want) {
			t.Errorf("%q: looks in %q, want %q", xdg, got, want)
		}
	}
}

// One directory by two names has each door once.
func TestAPlaceOfTwoNames(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	if got := distinct([]string{dir, missing, link, missing, dir}); !slices.Equal(got, []string{dir, missing}) {
		t.Errorf("%q", got)
	}
}

// Where somebody else's files are, no door of this user can be: that is no error, and it is said.
func TestPlacesThatAreNotOurs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RUNTIME_DIRECTORY", file)
	found, places, err := Find(t.Context())
	if len(found) != 0 || err != nil || len(places) != 1 || places[0].String() != file+" (is no directory)" {
		t.Errorf("%v, %v, %v", found, places, err)
	}
}

// A door that was stopped keeps nobody waiting, and does not hide the others.
func TestADoorThatDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", dir)
	serve(t, "one", newHouse())
	l, err := net.Listen("unix", filepath.Join(dir, "two.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	found, _, err := Find(t.Context())
	if len(found) != 1 || found[0].Instance != "one" || !errors.Is(err, context.DeadlineExceeded) ||
		err.Error() != "the door at "+filepath.Join(dir, "two.sock")+" does not answer: context deadline exceeded" {
		t.Errorf("%v, %v", found, err)
	}
}

// A service manager gives a door that has a user of its own a directory of that user's.
func TestRootAsksTheDoorsOfOthers(t *testing.T) {
	testkit.NeedRoot(t)
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", dir)
	serve(t, "one", newHouse())
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	find(t)
	if _, err := Listen("two"); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("a socket that somebody else could replace: %v", err)
	}
}
