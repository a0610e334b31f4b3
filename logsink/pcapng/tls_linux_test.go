package pcapng_test

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// relayed takes one connection and carries it to the backend through a lane, recorded. It answers the front's port, and
// the outcome once it is over.
func relayed(t *testing.T, r *rig, backend string) (port string, over <-chan flow.Outcome) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	copies, err := lane.NewCopy(lane.CopyConfig{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan flow.Outcome, 1)
	go func() {
		defer l.Close()
		client, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer client.Close()
		service, err := net.Dial("tcp4", backend)
		if err != nil {
			t.Error(err)
			return
		}
		defer service.Close()
		front, back := socketOf(t, client.(*net.TCPConn)), socketOf(t, service.(*net.TCPConn))
		tap := r.Tap(opening("db", front.Remote().String(), front.Local().String()))
		tap.Connected(time.Now(), back.Local(), back.Remote())
		copies.Start(lane.Pair{Client: front, Backend: back, Accepted: time.Now(), Tap: tap}, func(o flow.Outcome) { done <- o })
	}()
	t.Cleanup(func() { _ = copies.Close() })
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), done
}

// serve runs a TLS server that says every line backwards.
func serve(t *testing.T) (port string) {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	testkit.Run(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
		"-keyout", key, "-out", cert)
	port = strconv.Itoa(testkit.FreePort(t))
	testkit.Start(t, exec.Command(testkit.Program(t, "openssl"), "s_server", "-accept", "127.0.0.1:"+port, "-cert", cert, "-key", key,
		"-rev"))
	testkit.Wait(t, "the server", func() bool {
		c, err := net.Dial("tcp4", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 10*time.Second)
	return port
}

// say has a TLS client say a line to a port, and answers the line that comes back.
func say(t *testing.T, port, keylog, version, line string) string {
	t.Helper()
	cmd := exec.Command(testkit.Program(t, "openssl"), "s_client", "-connect", "127.0.0.1:"+port, "-keylogfile", keylog, "-quiet",
		"-no_ign_eof", version)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, line+"\n"); err != nil {
		t.Error(err)
	}
	answer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Error(err)
	}
	_ = in.Close()
	_ = cmd.Wait()
	return strings.TrimSpace(answer)
}

// A TLS session is read from the file alone, since its secrets are there; those of others are not.
func TestSecrets(t *testing.T) {
	testkit.Need(t, "openssl", "tshark")
	server := serve(t)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		t.Run(version[1:], func(t *testing.T) {
			keys := filepath.Join(t.TempDir(), "keys")
			say(t, server, keys, version, "not recorded")
			r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Keylog: keys}})
			port, over := relayed(t, r, "127.0.0.1:"+server)
			if got := say(t, port, keys, version, "from the client"); got != "tneilc eht morf" {
				t.Errorf("answered %q", got)
			}
			say(t, server, keys, version, "not recorded either")
			<-over
			r.end()
			read := decrypted(t, r.file("db"), port, server)
			for _, want := range []string{"from the client", "tneilc eht morf"} {
				if strings.Count(read, want) != 2 { // on both legs
					t.Errorf("tshark reads %q, want %q on both legs", read, want)
				}
			}
			secrets := 0
			for _, b := range all(t, r.file("db")) {
				if b.Kind == block.KindSecrets {
					secrets += strings.Count(string(b.Raw), "CLIENT_TRAFFIC_SECRET_0 ") + strings.Count(string(b.Raw), "CLIENT_RANDOM ")
				}
			}
			if secrets != 1 {
				t.Errorf("the secrets of %d sessions are in the file, want 1", secrets)
			}
		})
	}
}

// decrypted is what tshark reads of the TLS sessions in a file.
func decrypted(t *testing.T, path string, ports ...string) (text string) {
	t.Helper()
	args := []string{"-r", path}
	for _, port := range ports {
		args = append(args, "-d", "tcp.port=="+port+",tls")
	}
	for _, stream := range []string{"0", "1"} {
		text += testkit.Run(t, "tshark", append(args, "-q", "-z", "follow,tls,ascii,"+stream)...)
	}
	return text
}
