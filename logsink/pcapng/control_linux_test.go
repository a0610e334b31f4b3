package pcapng_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/proxy/flow"
)

func netipPort(i int) string { return fmt.Sprintf("127.0.0.1:%d", 40_000+i) }

// talk is a session of one question and its answer.
func (r *rig) talk(service string, i int) {
	r.t.Helper()
	tap := r.tap(service, netipPort(i), front4)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 100))
	tap.Data(flow.FromBackend, time.Now(), pattern(0, 1000))
	tap.Done(time.Now(), fin())
}

// A recording that somebody starts and stops: it takes what begins meanwhile and holds the condition, into a file of its
// own, which is finished when it is told to be over.
func TestStartAndStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "later")
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Dir: dir}, Standing: []policy.Standing{}})
	if tap := r.Tap(opening("db", netipPort(0), front4)); tap != nil {
		t.Error("a tap that nobody asked for")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a directory that nobody needs")
	}
	began, err := r.Start(policy.Request{
		Service: "db", By: "alice", When: func(f *flow.Facts) bool { return f.Peer.Addr.Port() != 40_001 },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.talk("db", 0)
	if tap := r.Tap(opening("db", netipPort(1), front4)); tap != nil {
		t.Error("a tap against the condition")
	}
	if got := r.Active(); len(got) != 1 || got[0].Recording != began || got[0].Dir != dir {
		t.Errorf("active: %+v", got)
	}
	long := r.tap("db", netipPort(2), front4)
	long.Data(flow.FromClient, time.Now(), pattern(0, 10))
	ended, err := r.Stop("db")
	if err != nil || len(ended) != 1 || ended[0].Recording != began || len(ended[0].Files) != 1 || began.Sessions() != 2 {
		t.Fatalf("ended %+v, %v", ended, err)
	}
	long.Data(flow.FromClient, time.Now(), pattern(10, 10))
	if kept, skipped := long.Done(time.Now(), fin()); kept != 10 || skipped != 10 {
		t.Errorf("kept %d, skipped %d of a session that outlived its recording", kept, skipped)
	}
	ways := follow(t, read(t, ended[0].Files[0]))
	if first, second := ways[pairOf(netipPort(0), front4)], ways[pairOf(netipPort(2), front4)]; first.kept != 100 ||
		!first.fin || second.kept != 10 || second.fin {
		t.Errorf("recorded %+v and %+v", first, second)
	}
	if _, err := r.Stop("db"); err == nil || !strings.Contains(err.Error(), "nobody has started one") {
		t.Errorf("stopped again: %v", err)
	}
	r.end()
	if got := r.Stats(); got.Waiting != 0 || got.Used != sizeOf(t, dir) {
		t.Errorf("stats: %+v", got)
	}
}

// One whose time is up ends by itself, and says so.
func TestExpires(t *testing.T) {
	ended := make(chan pcapng.Ended, 1)
	r := newRig(t, pcapng.Config{Standing: []policy.Standing{}, Ended: func(e pcapng.Ended) { ended <- e }})
	if _, err := r.Start(policy.Request{Service: "db", Until: time.Now().Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	tap := r.Tap(opening("db", netipPort(0), front4))
	if tap == nil {
		t.Fatal("a second was over before the session began")
	}
	select {
	case e := <-ended:
		if len(e.Files) != 1 || len(read(t, e.Files[0])) != 3 || e.Sessions() != 1 {
			t.Errorf("ended: %+v", e)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
	if got := r.Active(); len(got) != 0 {
		t.Errorf("active: %+v", got)
	}
	tap.Done(time.Now(), fin())
}

func TestStartNeedsADirectory(t *testing.T) {
	r, err := pcapng.New(pcapng.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(policy.Request{Service: "db"}); err == nil ||
		err.Error() != "start a recording of db: expected a directory for recordings: record: {dir: …}" {
		t.Errorf("started without a directory: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// After the disk has failed nothing is recorded until somebody asks for it again.
func TestAgainAfterAFailure(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recordings")
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Dir: dir}})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.talk("db", 0)
	testkit.Wait(t, "word of it", func() bool { return len(r.trouble()) > 0 }, 10*time.Second)
	if tap := r.Tap(opening("db", netipPort(1), front4)); tap != nil || !r.Stats().Failed {
		t.Error("a tap after the failure")
	}
	if _, err := r.Start(policy.Request{Service: "db"}); err == nil {
		t.Error("started in a directory that is none")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(policy.Request{Service: "db"}); err != nil {
		t.Fatal(err)
	}
	r.talk("db", 2)
	r.end()
	if ways := follow(t, read(t, r.file("db"))); ways[pairOf(netipPort(2), front4)] == nil {
		t.Errorf("recorded %v", ways)
	}
}

// A file that is large enough is finished while sessions run; they go on in the next from where they are, which says
// whose packets they are.
func TestRotate(t *testing.T) {
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{RotateSize: 64 << 10}})
	open := opening("db", netipPort(0), front4)
	tap := r.open(open)
	const total, chunk = 120_000, 1000
	for offset := uint64(0); offset < total; offset += chunk {
		tap.Data(flow.FromBackend, time.Now(), pattern(offset, chunk))
		if offset%10_000 == 0 {
			r.Pass()
		}
	}
	tap.Done(time.Now(), fin())
	r.end()
	files := r.files("db")
	slices.SortFunc(files, func(a, b string) int {
		first, _ := block.ParseFileName(filepath.Base(a))
		second, _ := block.ParseFileName(filepath.Base(b))
		return cmp.Or(first.Began.Compare(second.Began), cmp.Compare(first.N, second.N))
	})
	if len(files) < 4 {
		t.Fatalf("files %q, want several", files)
	}
	var got [2]int
	for i, path := range files {
		rows := tshark(t, path)
		for leg := range got {
			first, _ := block.ParseComment(rowsOf(leg, rows)[0].comment)
			if first.Session != open.Session.String() || first.Service != "db" {
				t.Errorf("leg %d of file %d begins with %+v", leg, i, first)
			}
			if client := []string{netipPort(0), "127.0.0.1:10001"}[leg]; (first.Client == client) != (i > 0) {
				t.Errorf("leg %d of file %d says that %q is the client, want %s behind the first file", leg, i, first.Client, client)
			}
			for _, p := range legOf(leg, read(t, path)) {
				if want := pattern(uint64(got[leg]), len(p.kept())); string(p.kept()) != string(want) {
					t.Fatalf("leg %d of file %d does not go on where the one before ended", leg, i)
				}
				got[leg] += len(p.kept())
			}
		}
	}
	if got != [2]int{total, total} {
		t.Errorf("%d bytes are in the files, want %d", got, total)
	}
}

func rowsOf(leg int, rows []row) (out []row) {
	for _, r := range rows {
		if r.leg == fmt.Sprint(leg) {
			out = append(out, r)
		}
	}
	return out
}

// Other settings: files go elsewhere, sessions that run go on there, and a service that is no longer wanted gets no
// more sessions.
func TestConfigure(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	tap := r.tap("db", netipPort(0), front4)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	dir := filepath.Join(t.TempDir(), "other")
	if err := r.Configure(pcapng.Settings{Dir: dir, MaxTotal: 1}, nil); err == nil {
		t.Error("settings that are not valid")
	}
	if err := r.Configure(pcapng.Settings{Dir: dir}, []policy.Standing{{Service: "chat"}}); err != nil {
		t.Fatal(err)
	}
	if len(read(t, r.file("db"))) != 8 {
		t.Error("the file of before is not finished")
	}
	tap.Data(flow.FromClient, time.Now(), pattern(10, 10))
	tap.Done(time.Now(), fin())
	if r.Tap(opening("db", netipPort(1), front4)) != nil || r.Tap(opening("chat", netipPort(1), front4)) == nil {
		t.Error("not what the settings say")
	}
	r.end()
	list, err := filepath.Glob(filepath.Join(dir, "db-*.pcapng"))
	if err != nil || len(list) != 1 {
		t.Fatalf("files %q, %v", list, err)
	}
	if got := describe(legOf(1, read(t, list[0])))[0]; got != "> ACK PSH 10" {
		t.Errorf("the session goes on with %s", got)
	}
	tshark(t, list[0])
}

// A ring keeps the last of what was said in memory. Flushed, it is a file as any other.
func TestRing(t *testing.T) {
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Ring: time.Minute, RingMemory: flow.MiB}})
	for i := range 1000 {
		r.talk("db", i)
		r.Pass()
	}
	open := opening("db", netipPort(1000), front4)
	tap := r.open(open)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	if list, err := os.ReadDir(r.dir); err != nil || len(list) != 0 {
		t.Errorf("files %v, %v; want none yet", list, err)
	}
	flushed, err := r.Flush("", "Rule X: fired!")
	if err != nil || len(flushed) != 1 {
		t.Fatalf("flushed %+v, %v", flushed, err)
	}
	first := flushed[0]
	rows := tshark(t, first.Path)
	if !strings.Contains(first.Path, "-rule_x__fired.pcapng") || first.Service != "db" || first.Packets != uint64(len(rows)) ||
		first.Sessions < 100 || first.Sessions > 500 || first.Reaches >= time.Minute {
		t.Errorf("flushed %+v with %d packets", first, len(rows))
	}
	if info, err := os.Stat(first.Path); err != nil || info.Size() > 1100<<10 {
		t.Errorf("file %v, %v", info, err)
	}
	tap.Data(flow.FromClient, time.Now(), pattern(10, 10))
	again, err := r.Flush("db", "")
	if err != nil || len(again) != 1 || again[0].Sessions != 1 || again[0].Packets != 2 || !strings.Contains(again[0].Path, "-flush") {
		t.Fatalf("flushed %+v, %v", again, err)
	}
	for _, row := range tshark(t, again[0].Path) {
		if c, _ := block.ParseComment(row.comment); c.Session != open.Session.String() {
			t.Errorf("leg %s begins with %q", row.leg, row.comment)
		}
	}
	if empty, err := r.Flush("db", ""); err != nil || len(empty) != 0 {
		t.Errorf("flushed nothing as %+v, %v", empty, err)
	}
	if _, err := r.Flush("chatter", ""); err == nil || !strings.Contains(err.Error(), "expected record: {ring: …}") {
		t.Errorf("flushed what has no ring: %v", err)
	}
	tap.Done(time.Now(), fin())
	r.end()
	if got := r.Stats(); got.Files != 2 || got.Used != sizeOf(t, r.dir) || got.Waiting != 0 {
		t.Errorf("stats: %+v", got)
	}
}

// Of what is compressed, what the disk has counts.
func TestCompressed(t *testing.T) {
	settings := pcapng.Settings{}
	if err := settings.Compress.UnmarshalText([]byte("zstd")); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, pcapng.Config{Settings: settings})
	tap := r.tap("db", netipPort(0), front4)
	for range 100 {
		tap.Data(flow.FromClient, time.Now(), make([]byte, 10_000))
	}
	tap.Done(time.Now(), fin())
	r.end()
	list, err := os.ReadDir(r.dir)
	if err != nil || len(list) != 1 {
		t.Fatalf("files %v, %v", list, err)
	}
	info, err := list[0].Info()
	if err != nil || info.Size() > 100_000 || r.Stats().Used != info.Size() {
		t.Errorf("file of %d bytes, %d are counted, %v", info.Size(), r.Stats().Used, err)
	}
}

func TestSettings(t *testing.T) {
	for want, s := range map[string]pcapng.Settings{
		"":                                {},
		"snap_payload: -1B is too little": {SnapPayload: -1},
		"max_per_session: -1B":            {MaxPerSession: -1},
		"max_total: 1B is too little":     {MaxTotal: 1},
		"rotate_size: 1KiB is too little": {RotateSize: 1024},
		"rotate_age: 1ms is too short":    {RotateAge: time.Millisecond},
		"keep: -1h0m0s is too short":      {Keep: -time.Hour},
		"ring: 1ms is too short":          {Ring: time.Millisecond},
		"ring: 48h0m0s is too long":       {Ring: 48 * time.Hour},
		"ring_memory: 1KiB is too little": {RingMemory: 1024},
		"encrypt_to: recipient 1":         {EncryptTo: []string{"bob"}},
		"lodoor cannot do keylog, on_slow: hold, redact": {
			Source: pcapng.SourceWire, OnSlow: pcapng.SlowHold, Redact: flow.Redaction{Authentication: true}, Keylog: "/k",
		},
	} {
		err := s.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
	defaults := pcapng.Defaults()
	if err := defaults.Validate(); err != nil {
		t.Error(err)
	}
}

func TestWarning(t *testing.T) {
	all := flow.Redaction{Authentication: true, Parameters: true, Rows: true}
	for want, s := range map[string]pcapng.Settings{
		"": {Redact: all},
		"everything that is sent, passwords and rows included, goes to /r (at most 2 GiB)":                                                             {Dir: "/r"},
		"everything that is sent, passwords, parameters and rows overwritten, goes to /r (at most 2 GiB)":                                              {Dir: "/r", Redact: all},
		"everything that is sent, passwords overwritten, parameters and rows included, goes to /r (at most 1 MiB)":                                     {Dir: "/r", MaxTotal: flow.MiB, Redact: flow.Redaction{Authentication: true}},
		"everything that is sent, passwords and rows included, goes encrypted to /r (at most 2 GiB)":                                                   {Dir: "/r", EncryptTo: []string{"x"}},
		"the last 1m0s of everything that is sent, passwords and rows included, are kept in memory, and go to /r when an alert fires or somebody asks": {Dir: "/r", Ring: time.Minute},
	} {
		if diff := gocmp.Diff(want, s.Warning()); diff != "" {
			t.Errorf("warning (-want +got):\n%s", diff)
		}
	}
}

// With when_full: oldest the old make room for the new, and nothing is missing of these.
func TestOldestMakeRoom(t *testing.T) {
	const limit = 4 << 20
	settings := pcapng.Settings{MaxTotal: limit}
	if err := settings.WhenFull.UnmarshalText([]byte("oldest")); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, pcapng.Config{Settings: settings})
	for i := range 100 {
		tap := r.tap("db", netipPort(i), front4)
		tap.Data(flow.FromClient, time.Now(), pattern(0, 60_000))
		r.Pass()
		if kept, skipped := tap.Done(time.Now(), fin()); kept != 60_000 {
			t.Fatalf("session %d: kept %d, skipped %d", i, kept, skipped)
		}
	}
	r.end()
	if n := sizeOf(t, r.dir); n > limit || n < limit/4 || r.Stats().Removed == 0 || len(r.trouble()) > 0 {
		t.Errorf("%d bytes are left, limit %d; stats %+v, troubles %v", n, limit, r.Stats(), r.trouble())
	}
}
