package postgres_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
)

func replicationAsLogged(t *testing.T, s *testkit.PostgresServer) {
	testkit.Need(t, "pg_basebackup")
	r := newRelay(t, s, authentication())
	out := r.run("pg_basebackup", []string{"--pgdata", filepath.Join(t.TempDir(), "copy"), "--wal-method=stream", "--checkpoint=fast", "--no-sync"})
	operations, _ := r.all()
	wantAsLogged(t, s, r.from, operations)
	got := lines(operations)
	for _, want := range []string{"START_REPLICATION kind=replication", "BASE_BACKUP kind=replication", "IDENTIFY_SYSTEM kind=replication"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in:\n%s\n%s", want, got, out)
		}
	}
}

// secretsStayOut logs in in every way, sets passwords in every way, and finds none of them in what was redacted.
func secretsStayOut(t *testing.T, s *testkit.PostgresServer) {
	const planted = "Pl4nted-Zq"
	s.SQL(t, "create role byscram login superuser password '"+planted+"scram'; create role byword login password '"+planted+"word'; "+
		"set password_encryption = md5; create role bymd5 login password '"+planted+"md5'; create role bob")
	stored := strings.Fields(s.SQL(t, "select rolpassword from pg_authid where rolpassword is not null"))
	r := newRelay(t, s, authentication())
	for user, word := range map[string]string{"byscram": "scram", "bymd5": "md5", "byword": "word"} {
		if out := r.run("psql", []string{"-Xqc", "select 1"}, "PGUSER="+user, "PGPASSWORD="+planted+word); !strings.Contains(out, "1 row") {
			t.Fatalf("%s: %s", user, out)
		}
		r.run("psql", []string{"-Xqc", "select 1"}, "PGUSER="+user, "PGPASSWORD="+planted+"wrong")
	}
	args := []string{"-X"}
	for _, statement := range []string{
		"alter role bob password '" + planted + "1'",
		"alter role bob password '" + planted + "2' nonsense",
		"alter role bob password " + strings.ReplaceAll(planted, "-", "") + "3",
		"create user carl encrypted password e'" + planted + "4' valid until 'x'",
		"do $$ begin execute 'alter role bob password ''" + planted + "5'' x'; end $$",
		"create extension if not exists nothing; create user mapping for bob server s options (user 'u', password '" + planted + "6')",
		"create subscription s connection 'host=127.0.0.1 port=1 dbname=x password=" + planted + "7' publication p",
		"create subscription s connection 'host=127.0.0.1 port=1 password=''" + planted + "8'' " + planted + "' publication p",
		"select query, 'password = ''" + planted + "''' from pg_stat_activity where query like '%password%'",
		"select rolname, rolpassword from pg_authid", "copy (select rolname, rolpassword from pg_authid) to stdout",
	} {
		args = append(args, "-c", statement)
	}
	out := r.run("psql", args, "PGUSER=byscram", "PGPASSWORD="+planted+"scram")
	if !strings.Contains(out, planted) {
		t.Errorf("psql said nothing of the secrets:\n%s", out)
	}
	operations, sessions := r.all()
	secrets := append([]string{planted, "Pl4ntedZq"}, stored...)
	secrets = append(secrets, answers(t, sessions)...)
	if len(secrets) < 10 {
		t.Errorf("only %d secrets were seen", len(secrets))
	}
	for _, c := range sessions {
		all := everything(c.redacted)
		for _, secret := range secrets {
			if strings.Contains(all, secret) {
				t.Errorf("%q is in %q", secret, all)
			}
		}
	}
	if len(operations) < 17 || !strings.Contains(lines(operations), "kind=login status=28P01") {
		t.Errorf("%s", lines(operations))
	}
	dissect(t, sessions)
}

// answers are what clients answered when they were asked who they are, but for the names of mechanisms.
func answers(t *testing.T, sessions []*conversation) (found []string) {
	t.Helper()
	for _, c := range sessions {
		split := postgres.NewSplitter(1 << 20)
		for _, p := range c.whole {
			err := split.Split(p.dir, []byte(p.bytes), func(m postgres.Message) error {
				if m.Direction == flow.FromClient && m.Type == 'p' && len(m.Body) > 24 {
					found = append(found, strings.TrimRight(string(m.Body[len(m.Body)-20:]), "\x00"))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return found
}

// dissect has tshark read what was redacted: all of it is PostgreSQL's protocol still.
func dissect(t *testing.T, sessions []*conversation) {
	t.Helper()
	tshark := testkit.Program(t, "tshark")
	file := filepath.Join(t.TempDir(), "redacted.pcap")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(1<<18, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	for i, c := range sessions {
		writeSession(t, w, 40000+i, c.redacted)
	}
	cmd := exec.CommandContext(t.Context(), tshark, "-r", file, "-T", "fields", "-E", "separator=|", "-e", "_ws.malformed",
		"-e", "_ws.expert.severity", "-e", "pgsql.type", "-e", "pgsql.query")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	const severityError = "8388608"
	queries := 0
	for line := range strings.Lines(string(out)) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 4)
		if len(f) != 4 || f[0] != "" || strings.Contains(f[1], severityError) {
			t.Errorf("tshark complains: %s", line)
		} else if f[3] != "" {
			queries++
		}
	}
	if queries < 11 || !regexp.MustCompile(`alter role bob password '[x0-]+'`).Match(out) {
		t.Errorf("%d queries:\n%s", queries, out)
	}
	for _, want := range []string{"SASLInitialResponse", "Authentication request", "Error", "Copy data", "Data row"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s among what tshark sees:\n%s", want, out)
		}
	}
}

// writeSession writes a conversation as the packets of one connection.
func writeSession(t *testing.T, w *pcapgo.Writer, port int, pieces []piece) {
	t.Helper()
	seq := [2]uint32{1, 1}
	ports := [2]layers.TCPPort{layers.TCPPort(port), 5432}
	for _, p := range pieces {
		for rest := []byte(p.bytes); len(rest) > 0; {
			b := rest[:min(len(rest), 32<<10)]
			rest = rest[len(b):]
			ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: []byte{127, 0, 0, 1}, DstIP: []byte{127, 0, 0, 1}}
			tcp := &layers.TCP{SrcPort: ports[p.dir], DstPort: ports[1-p.dir], Seq: seq[p.dir], Ack: seq[1-p.dir], ACK: true, PSH: true, Window: 65535}
			if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
				t.Fatal(err)
			}
			seq[p.dir] += uint32(len(b))
			buffer := gopacket.NewSerializeBuffer()
			options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
			if err := gopacket.SerializeLayers(buffer, options, ip, tcp, gopacket.Payload(b)); err != nil {
				t.Fatal(err)
			}
			packet := buffer.Bytes()
			info := gopacket.CaptureInfo{Timestamp: moment(), CaptureLength: len(packet), Length: len(packet)}
			if err := w.WritePacket(info, packet); err != nil {
				t.Fatal(err)
			}
		}
	}
}
