package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/internal/testkit"
)

// secretive are the servers to which secrets are said.
type secretive struct {
	postgres *testkit.PostgresServer
	mariadb  *testkit.MariaDBServer
	redis    *testkit.RedisServer
	web      *httptest.Server
}

func newSecretive(t *testing.T) *secretive {
	t.Helper()
	b := &secretive{
		postgres: testkit.Postgres(t, testkit.PostgresOptions{HBA: []string{
			"local all all trust", "host all byscram 127.0.0.1/32 scram-sha-256", "host all bymd5 127.0.0.1/32 md5",
			"host all byword 127.0.0.1/32 password", "host all all 127.0.0.1/32 trust",
		}}),
		mariadb: testkit.MariaDB(t, testkit.MariaDBOptions{}),
		redis:   testkit.Redis(t),
		web:     httptest.NewServer(http.HandlerFunc(answerSecretively)),
	}
	t.Cleanup(b.web.Close)
	b.postgres.SQL(t, fmt.Sprintf("create role byscram login superuser password '%s'; create role byword login password '%s'; "+
		"set password_encryption = md5; create role bymd5 login superuser password '%s'; create role bob",
		planted(0), planted(1), planted(2)))
	b.mariadb.SQL(t, fmt.Sprintf("CREATE USER native IDENTIFIED VIA mysql_native_password USING PASSWORD('%s');"+
		"CREATE USER elliptic IDENTIFIED VIA ed25519 USING PASSWORD('%s');"+
		"GRANT ALL ON *.* TO native WITH GRANT OPTION; GRANT ALL ON *.* TO elliptic WITH GRANT OPTION", planted(3), planted(4)))
	return b
}

// derived are what the servers made of passwords, and what is as good as one.
func (b *secretive) derived(t *testing.T) []string {
	t.Helper()
	all := b.postgres.SQL(t, "select rolpassword from pg_authid where rolpassword is not null") + "\n" +
		b.mariadb.SQL(t, "SELECT DISTINCT authentication_string FROM mysql.user WHERE authentication_string <> ''")
	list := strings.Fields(all)
	if len(list) < 5 {
		t.Errorf("the servers keep only %d passwords", len(list))
	}
	return list
}

// secretDoor is a door to all of them.
type secretDoor struct {
	*testDoor
	how            how
	backends       *secretive
	ports          map[string]int // of the services
	recordings     string
	otlp, syslog   *intake
	following      []*testkit.Child
	followingFiles string
}

func openSecretDoor(t *testing.T, b *secretive, h how) *secretDoor {
	t.Helper()
	d := &secretDoor{
		testDoor: &testDoor{t: t, dir: filepath.Join(t.TempDir(), "journal")}, how: h, backends: b, ports: map[string]int{},
		recordings: filepath.Join(t.TempDir(), "recordings"), followingFiles: t.TempDir(), otlp: &intake{}, syslog: &intake{},
	}
	services := ""
	for _, s := range []struct {
		name, more string
		backend    int
	}{
		{"pg", "protocol: postgres, tls: decline, ", b.postgres.Port}, {"my", "protocol: mysql, tls: decline, ", b.mariadb.Port},
		{"kv", "protocol: redis, ", b.redis.Port}, {"web", "protocol: http, ", b.web.Listener.Addr().(*net.TCPAddr).Port},
	} {
		d.ports[s.name] = testkit.FreePort(t)
		if !h.named {
			s.more = ""
		}
		services += fmt.Sprintf("- {name: %s, %slisten: %d, backend: %d}\n", s.name, s.more, d.ports[s.name], s.backend)
	}
	d.port = d.ports["pg"]
	collector := httptest.NewServer(d.otlp)
	t.Cleanup(collector.Close)
	text := fmt.Sprintf(`log: {level: debug, format: json}
journal: {dir: %s, rotate_size: 64KiB}
privacy: {statements: %s}
operations: {record: all}
record: {%sdir: %s}
export: {syslog: {address: "tcp://%s"}, otlp: {endpoint: %q, metrics: false}}
services:
%s`, d.dir, h.statements, h.record, d.recordings, d.syslog.listen(t), collector.URL, services)
	home := testkit.NewHome(t)
	file := filepath.Join(home.Dir(), "lodoor.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Door = home.Start("--config", file)
	return d
}

// follow has the packets of all services written by 'lodoor record follow', too.
func (d *secretDoor) follow() {
	d.t.Helper()
	for _, service := range []string{"pg", "my", "kv", "web"} {
		file := filepath.Join(d.followingFiles, strconv.Itoa(len(d.following)))
		d.following = append(d.following, testkit.Start(d.t, d.Command("record", "follow", service, "-w", file, "--dir", d.dir)))
		testkit.Wait(d.t, "the following of "+service, func() bool {
			info, err := os.Stat(file)
			return err == nil && info.Size() > 0
		}, fleetWait)
	}
}

func (d *secretDoor) followed(i int) string { return filepath.Join(d.followingFiles, strconv.Itoa(i)) }

// caughtUp says whether the exports and the history have all that is in the journal.
func (d *secretDoor) caughtUp() bool {
	stdout, _, _ := d.Run("status", "--json", "--dir", d.dir)
	var s control.Status
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || len(s.Feeds) < 3 {
		return false
	}
	for _, f := range s.Feeds {
		if f.Behind > 0 {
			return false
		}
	}
	return true
}

// intake keeps everything that is sent to it: a syslog server on TCP, or a collector of OTLP.
type intake struct {
	mu  sync.Mutex
	got []byte
}

// Write keeps.
func (i *intake) Write(b []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, b...)
	return len(b), nil
}

func (i *intake) bytes() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]byte(nil), i.got...)
}

// ServeHTTP takes what a collector of OTLP gets.
func (i *intake) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	if body, err := gzip.NewReader(r.Body); err == nil {
		_, _ = io.Copy(i, body)
	}
}

// listen takes syslog on TCP until the test ends, and answers where.
func (i *intake) listen(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var taking sync.WaitGroup
	taking.Go(func() {
		for {
			c, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				taking.Go(func() { _, _ = io.Copy(i, c); _ = c.Close() })
			}
		}
	})
	t.Cleanup(func() { _ = ln.Close(); taking.Wait() })
	return ln.Addr().String()
}
