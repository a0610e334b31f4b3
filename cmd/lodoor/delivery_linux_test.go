package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

const hookSecret = "s1gned with this"

// receivers are one of each kind that alerts are delivered to. They are away until they are opened.
type receivers struct {
	t                             *testing.T
	dir                           string
	webhookPort, chatPort, smtpAt int

	mu      sync.Mutex
	posted  []map[string]any                          // by the webhook
	answer  func(w http.ResponseWriter, nth int) bool // of the webhook; false: it did not take the alert
	asked   int
	chatted []string
	mailed  []string
}

func newReceivers(t *testing.T) *receivers {
	t.Helper()
	return &receivers{
		t: t, dir: t.TempDir(), webhookPort: testkit.FreePort(t), chatPort: testkit.FreePort(t), smtpAt: testkit.FreePort(t),
	}
}

// file writes one that only its owner can read.
func (r *receivers) file(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// everywhere is the configuration of deliveries to all of them.
func (r *receivers) everywhere() string {
	script := r.file("page", `[ -e "$0.up" ] || { echo nobody is there >&2; exit 1; }; cat >>"$0.out"; echo >>"$0.out"`)
	return r.webhook() + fmt.Sprintf(`
  command: [sh, %s]
  mail: {server: "127.0.0.1:%d", from: lodoor@example.com, to: [ops@example.com], tls: none}
  chat_file: %s
`, script, r.smtpAt, r.file("chats", fmt.Sprintf("generic+http://127.0.0.1:%d/room\n", r.chatPort)))
}

func (r *receivers) webhook() string {
	return fmt.Sprintf("  webhook_file: %s\n  webhook_secret_file: %s\n",
		r.file("hook", fmt.Sprintf("http://127.0.0.1:%d/hook\n", r.webhookPort)), r.file("secret", hookSecret+"\n"))
}

// open has all of them there.
func (r *receivers) open() {
	r.t.Helper()
	r.openWebhook()
	r.serve(r.chatPort, http.HandlerFunc(r.takeChat))
	r.openMail()
	r.file("page.up", "")
}

func (r *receivers) openWebhook() {
	r.t.Helper()
	r.serve(r.webhookPort, http.HandlerFunc(r.takePost))
}

func (r *receivers) listen(port int) net.Listener {
	r.t.Helper()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		r.t.Fatal(err)
	}
	return ln
}

func (r *receivers) serve(port int, h http.Handler) {
	r.t.Helper()
	ln := r.listen(port)
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ln) })
	r.t.Cleanup(func() { _ = server.Close(); serving.Wait() })
}

func (r *receivers) openMail() {
	r.t.Helper()
	ln := r.listen(r.smtpAt)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &postbox{r}, nil }))
	server.Domain = "mail.test"
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ln) })
	r.t.Cleanup(func() { _ = server.Close(); serving.Wait() })
}

// takePost checks the signature as docs/alert-channels.md tells receivers to.
func (r *receivers) takePost(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	stamp := req.Header.Get("X-Lodoor-Timestamp")
	mac := hmac.New(sha256.New, []byte(hookSecret))
	fmt.Fprintf(mac, "%s.%s", stamp, body)
	at, stampErr := strconv.ParseInt(stamp, 10, 64)
	var message map[string]any
	if err = errors.Join(err, stampErr, json.Unmarshal(body, &message)); err != nil {
		r.t.Errorf("the webhook got %q: %v", body, err)
	}
	if got := req.Header.Get("X-Lodoor-Signature"); got != "v1="+hex.EncodeToString(mac.Sum(nil)) {
		r.t.Errorf("the signature is %q", got)
	}
	if age := time.Since(time.Unix(at, 0)); age.Abs() > 5*time.Minute {
		r.t.Errorf("the delivery is %v old", age)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.answer == nil || r.answer(w, r.asked) {
		r.posted = append(r.posted, message)
	}
}

func (r *receivers) takeChat(_ http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chatted = append(r.chatted, string(body))
}

// postbox is a session of SMTP.
type postbox struct{ r *receivers }

func (*postbox) Mail(string, *smtp.MailOptions) error { return nil }
func (*postbox) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*postbox) Reset()                               {}
func (*postbox) Logout() error                        { return nil }

// Data keeps the first line of the text.
func (p *postbox) Data(from io.Reader) error {
	m, err := mail.ReadMessage(from)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		return err
	}
	first, _, _ := bytes.Cut(text, []byte("\r\n"))
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.r.mailed = append(p.r.mailed, string(first))
	return nil
}

// texts are what has arrived so far, by channel.
func (r *receivers) texts() map[string][]string {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string][]string{"chat": slices.Clone(r.chatted), "mail": slices.Clone(r.mailed)}
	for _, m := range r.posted {
		all["webhook"] = append(all["webhook"], fmt.Sprint(m["text"]))
	}
	out, err := os.ReadFile(filepath.Join(r.dir, "page.out"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	for line := range bytes.Lines(out) {
		var m struct{ Text string }
		if json.Unmarshal(line, &m) == nil {
			all["command"] = append(all["command"], m.Text)
		}
	}
	return all
}

func (r *receivers) posts() []map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.posted)
}

// awaitEverywhere waits until n alerts have arrived at each.
func (r *receivers) awaitEverywhere(n int) {
	r.t.Helper()
	testkit.Wait(r.t, fmt.Sprintf("%d alerts everywhere", n), func() bool {
		texts := r.texts()
		return len(texts["webhook"]) >= n && len(texts["command"]) >= n && len(texts["mail"]) >= n && len(texts["chat"]) >= n
	}, 90*time.Second)
}

// strictDoor is one that refuses 127.9.0.0/16 and tells of it; alerts is a part of the configuration.
type strictDoor struct {
	*testDoor
	file string
}

func openStrict(t *testing.T, alerts string) *strictDoor {
	t.Helper()
	backend := testkit.EchoServer(t)
	home := testkit.NewHome(t)
	d := &strictDoor{file: filepath.Join(home.Dir(), "door.yaml")}
	d.testDoor = &testDoor{t: t, port: testkit.FreePort(t), dir: filepath.Join(t.TempDir(), "journal")}
	text := fmt.Sprintf("services:\n- {name: svc, listen: %d, backend: %d}\n"+
		"rules:\n- {name: strangers, action: deny, cidrs: [127.9.0.0/16]}\nalerts:\n  timeout: 30s\n", d.port, backend.Port())
	if err := os.WriteFile(d.file, []byte(text+alerts), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start(home)
	return d
}

func (d *strictDoor) start(home *testkit.Home) {
	d.Door = home.Start("--config", d.file, "--journal", d.dir)
}

// again ends the door as a crash would, and starts another.
func (d *strictDoor) again() {
	d.t.Helper()
	d.Kill()
	d.start(d.Home)
}

// knock is refused, and thereby an event of an alert.
func (d *strictDoor) knock() {
	d.t.Helper()
	if err := refusedFrom(netip.AddrFrom4([4]byte{127, 9, 0, 1}), d.addr()); err != nil {
		d.t.Fatal(err)
	}
}

// breakFile makes the configuration one that the door does not take.
func (d *strictDoor) breakFile() {
	d.t.Helper()
	text, err := os.ReadFile(d.file)
	if err == nil {
		err = os.WriteFile(d.file, append(text, "nonsense: true\n"...), 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	if _, stderr, code := d.Run("reload", "--dir", d.dir); code != exitConfig {
		d.t.Fatalf("reload of a broken file ended with %d: %s", code, stderr)
	}
}

// do runs a command that asks the door.
func (d *strictDoor) do(args ...string) string {
	d.t.Helper()
	stdout, stderr, code := d.Run(append(args, "--dir", d.dir)...)
	if code != exitOK {
		d.t.Fatalf("lodoor %s ended with %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

func (d *strictDoor) alerts() (a control.Alerts) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(d.do("alerts", "list", "--json")), &a); err != nil {
		d.t.Fatal(err)
	}
	return a
}

// active is the one group of a condition.
func (d *strictDoor) active(condition string) (s alert.Status, found bool) {
	d.t.Helper()
	for _, s := range d.alerts().Active {
		if s.Condition == condition {
			return s, true
		}
	}
	return s, false
}

// channels counts the deliveries of alerts that are as told.
func (d *strictDoor) channels(are func(*control.FeedStatus) bool) (n int) {
	d.t.Helper()
	for _, f := range d.status().Feeds {
		if strings.HasPrefix(f.Name, "alert-") && are(&f) {
			n++
		}
	}
	return n
}

// awaitDelivered waits until no delivery has anything left to do.
func (d *strictDoor) awaitDelivered() {
	d.t.Helper()
	testkit.Wait(d.t, "the deliveries to be up to date", func() bool {
		return d.channels(func(f *control.FeedStatus) bool { return f.Behind > 0 }) == 0
	}, 60*time.Second)
}

// An alert that nobody took before lodoor was killed is delivered by the next one, once by each channel, signed, under
// the identity of its record. A test arrives everywhere.
func TestDeliveryAfterAKill(t *testing.T) {
	r := newReceivers(t)
	d := openStrict(t, r.everywhere())
	d.knock()
	d.await(flow.EventAlert, 1)
	testkit.Wait(t, "four channels to fail", func() bool {
		return d.channels(func(f *control.FeedStatus) bool { return f.Error != "" && f.Behind > 0 }) == 4
	}, 60*time.Second)
	d.again()
	r.open()
	r.awaitEverywhere(1)
	d.do("alerts", "test")
	r.awaitEverywhere(2)
	d.awaitDelivered() // what is under way when lodoor ends comes again
	d.settle()

	alerts := d.records(flow.EventAlert)
	if len(alerts) != 2 || alerts[0].Alert.Condition != "denied" || alerts[1].Alert.Condition != "test" {
		t.Fatalf("the journal has the alerts %+v", alerts)
	}
	for channel, texts := range r.texts() {
		if len(texts) != 2 || !strings.HasSuffix(texts[0], alerts[0].Alert.Message) ||
			!strings.HasSuffix(texts[1], alerts[1].Alert.Message) {
			t.Errorf("%s got %q", channel, texts)
		}
	}
	seen := map[string]bool{}
	for _, m := range r.posts() {
		seen[fmt.Sprint(m["identity"])] = true
	}
	if len(seen) != 2 {
		t.Errorf("identities %v", seen)
	}
}

// When lodoor dies between a receiver's answer and its own note of it, the alert comes again, and can be told.
func TestDeliveryAtLeastOnce(t *testing.T) {
	r := newReceivers(t)
	d := openStrict(t, r.webhook())
	r.answer = func(_ http.ResponseWriter, nth int) bool {
		if nth == 1 {
			d.Kill() // what is answered after this nobody hears
		}
		return true
	}
	r.openWebhook()
	d.knock()
	testkit.Wait(t, "the first delivery", func() bool { return len(r.posts()) == 1 }, 60*time.Second)
	d.start(d.Home)
	testkit.Wait(t, "the second delivery", func() bool { return len(r.posts()) == 2 }, 60*time.Second)
	d.settle()
	got := r.posts()
	if len(got) != 2 || !sameRecord(got[0], got[1]) {
		t.Errorf("the webhook got %v", got)
	}
}

// sameRecord says whether two deliveries are of one alert. Where lodoor is, is kept once a second, so that a kill soon
// after a delivery brings it again.
func sameRecord(a, b map[string]any) bool {
	return a["identity"] != nil && fmt.Sprint(a["identity"]) == fmt.Sprint(b["identity"])
}

// What is too old is given up, told on standard error, and counted in the next delivery.
func TestDeliveryGivesUp(t *testing.T) {
	r := newReceivers(t)
	d := openStrict(t, r.webhook()+"  give_up: 1s\n")
	d.knock()
	testkit.Wait(t, "lodoor to give up", func() bool {
		return strings.Contains(d.Stderr(), "webhook: an alert was not delivered: connection refused")
	}, 60*time.Second)
	r.openWebhook()
	d.do("alerts", "test")
	testkit.Wait(t, "the test", func() bool { return len(r.posts()) == 1 }, 60*time.Second)
	if m := r.posts()[0]; m["condition"] != "test" || m["undelivered"] != 1.0 {
		t.Errorf("the webhook got %v", m)
	}
	d.settle()
}

// A silence and an acknowledgement hold after a kill: what is silenced is in the journal and not delivered, what is
// acknowledged is not told again.
func TestSilenceAndAckSurvive(t *testing.T) {
	r := newReceivers(t)
	r.openWebhook()
	d := openStrict(t, r.webhook())
	d.knock()
	testkit.Wait(t, "the alert", func() bool { return len(r.posts()) == 1 }, 60*time.Second)
	s, _ := d.active("denied")
	d.do("alerts", "ack", s.ID[:6], "--by", "ann")
	d.do("alerts", "silence", "--for", "1h", "--condition", "config", "--why", "we try things")
	d.again()

	silences := d.alerts().Silences
	if len(silences) != 1 || silences[0].Condition != "config" || silences[0].Why != "we try things" {
		t.Fatalf("silences after the kill: %+v", silences)
	}
	d.breakFile()
	testkit.Wait(t, "the broken configuration to be alerted", func() bool { _, found := d.active("config"); return found }, 60*time.Second)
	d.knock()
	testkit.Wait(t, "the second knock to be counted", func() bool { _, found := d.active("denied"); return found }, 60*time.Second)
	if s, _ := d.active("denied"); s.Acked != "ann" {
		t.Errorf("after the kill %q takes care of it", s.Acked)
	}
	d.do("alerts", "silence", "--end", silences[0].ID)
	d.do("alerts", "test")
	testkit.Wait(t, "the alert that is not silenced", func() bool {
		got := r.posts()
		return got[len(got)-1]["condition"] == "test"
	}, 60*time.Second)
	d.settle()

	got := slices.CompactFunc(r.posts(), sameRecord)
	if len(got) != 2 || got[0]["condition"] != "denied" || got[1]["condition"] != "test" {
		t.Errorf("the webhook got %v", got)
	}
	var told []string
	for _, a := range d.records(flow.EventAlert) {
		told = append(told, fmt.Sprint(a.Alert.Condition, " ", a.Alert.Silenced))
	}
	if want := []string{"denied false", "config true", "test false"}; !slices.Equal(told, want) {
		t.Errorf("the journal has the alerts %q, expected %q", told, want)
	}
}

// What connects after programs were learned, and was not there, is told once; what lies in a temporary folder each time
// that it is told.
func TestNewProgram(t *testing.T) {
	bash := testkit.Program(t, "bash")
	d := openStrict(t, "  repeat: 1h\n")
	client := func(program string, args ...string) {
		t.Helper()
		before := len(d.records(flow.EventSessionOrigin))
		child := testkit.Start(t, exec.Command(program, args...))
		d.await(flow.EventSessionOrigin, before+1)
		child.Kill()
	}
	session := []string{"-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; read -r _ <&3", d.port)}
	d.do("alerts", "learn", "--for", "1h")
	client(bash, session...)
	testkit.Wait(t, "bash to be learned", func() bool { return len(d.alerts().Programs) == 1 }, 30*time.Second)
	d.do("alerts", "learn", "--for", "1s")
	testkit.Wait(t, "the learning to end", func() bool { return time.Now().After(d.alerts().Learning) }, 30*time.Second)

	client(bash, session...)
	psql := filepath.Join(t.TempDir(), "psql") // nobody would take it for the real one
	if err := exec.Command("cp", bash, psql).Run(); err != nil {
		t.Fatal(err)
	}
	client(psql, session...)
	redis := []string{"-p", d.portText(), "SUBSCRIBE", "x"}
	client(testkit.Program(t, "redis-cli"), redis...)
	client(testkit.Program(t, "redis-cli"), redis...)
	client(psql, session...)
	d.await(flow.EventAlert, 2)
	d.settle()

	var told []string
	for _, r := range d.records(flow.EventAlert) {
		a := r.Alert
		told = append(told, fmt.Sprintf("%s %s %v %d", a.Condition, a.Program, a.Severity, a.Count))
		if a.Program == "psql" && !strings.Contains(a.Message, "temporary folder") {
			t.Errorf("the alert says %q", a.Message)
		}
	}
	want := []string{"new_program psql warning 1", "new_program redis-cli info 1", "new_program psql warning 2"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, expected %q", told, want)
	}
}
