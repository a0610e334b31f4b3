package backend_test

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/replay/replaytest"
)

// redisCLI runs redis-cli at a port and returns all that it said.
func redisCLI(t *testing.T, port, input string, args ...string) string {
	t.Helper()
	cmd := exec.Command(testkit.Program(t, "redis-cli"), append([]string{"-h", "127.0.0.1", "-p", port}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	return strings.ReplaceAll(string(out), ":"+port, ":PORT")
}

func commands() []string {
	return []string{
		"SET a 1\nINCR a\nGET a\nINCR a\nGET a\nGET nothing\nLPUSH a x\nNOCOMMAND\n",
		"SELECT 3\nSET a other\nGET a\nSELECT 0\nGET a\n",
		"MULTI\nSET b 1\nINCR b\nEXEC\nMULTI\nINCR b\nEXEC\nMULTI\nSET b 9\nDISCARD\nGET b\n",
		"HSET h f v g w\nHGETALL h\nZADD z 1 one 2 two\nZRANGE z 0 -1 WITHSCORES\n",
		"CONFIG GET maxmemory\nCLIENT SETNAME me\nCLIENT GETNAME\nPING\nECHO hi\n",
	}
}

func TestRedis(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	var want []string
	all := func(port string) (said []string) {
		for i, input := range commands() {
			said = append(said, redisCLI(t, port, input))
			if i == 3 {
				said = append(said, redisCLI(t, port, input, "-3"))
			}
		}
		return said
	}
	a := answer(t, replaytest.Record(t, "redis", server.Port, func(port string) { want = all(port) }))
	if diff := cmp.Diff(want, all(a.port)); diff != "" {
		t.Errorf("the service and the recording:\n%s", diff)
	}
	if m := a.misses(); len(m) > 0 || a.Protocol() != "redis" {
		t.Errorf("%s; not in the recording: %q", a.Protocol(), m)
	}
	if out := redisCLI(t, a.port, "GET other\nGET a\nMULTI\nGET a\nEXEC\n"); !strings.Contains(out,
		"LODOOR this command is not in the recording monday.pcapng: GET other") || a.Missed() != 2 {
		t.Errorf("%d misses:\n%s", a.Missed(), out)
	}
	if m := a.misses(); !slices.Equal(m, []string{"GET other", "EXEC"}) {
		t.Errorf("missed %q", m)
	}
}

// redis-benchmark in pipelines, with a password that the recording has not got.
func TestRedisBenchmark(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	bench := func(port string) {
		testkit.Run(t, "redis-benchmark", "-p", port, "-a", "secret", "-t", "set,lpush,lrange_100", "-P", "32", "-c", "5", "-n", "2000", "-q")
	}
	testkit.Run(t, "redis-cli", "-p", fmt.Sprint(server.Port), "CONFIG", "SET", "requirepass", "secret")
	a := answer(t, replaytest.Record(t, "redis", server.Port, bench))
	bench(a.port)
	if m := a.misses(); len(m) > 0 {
		t.Errorf("not in the recording: %q", m)
	}
}

// conn is a client that reads and writes lines.
type conn struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, port string) *conn {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return &conn{t, c, bufio.NewReader(c)}
}

// ask sends text and reads until the answer ends with want.
func (c *conn) ask(text, want string) {
	c.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
	got := ""
	for !strings.HasSuffix(got, want) {
		b, err := c.in.ReadByte()
		if err != nil {
			c.t.Fatalf("%q is answered with %q, %v: expected %q", text, got, err, want)
		}
		got += string(b)
	}
	if got != want {
		c.t.Errorf("%q is answered with %q: expected %q", text, got, want)
	}
}

// Published messages, replies that are switched off, RESP3, a login.
func TestRedisStates(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	states := func(port string, recording bool) {
		c := dial(t, port)
		c.ask("SUBSCRIBE news\r\n", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")
		if recording {
			redisCLI(t, fmt.Sprint(server.Port), "PUBLISH news hello\n")
		}
		c.ask("", "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n")
		c.Close()
		c = dial(t, port)
		defer c.Close()
		c.ask("SET off 0\r\nCLIENT REPLY OFF\r\nINCR off\r\nINCR off\r\nCLIENT REPLY ON\r\nGET off\r\n", "+OK\r\n+OK\r\n$1\r\n2\r\n")
		c.ask("HGET off a\r\n", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")
		c.ask("GET nobody\r\n", "$-1\r\n")
	}
	a := answer(t, replaytest.Record(t, "redis", server.Port, func(port string) { states(port, true) }))
	states(a.port, false)
	c := dial(t, a.port)
	c.ask("AUTH me secret\r\nHELLO 4\r\n", "+OK\r\n-NOPROTO unsupported protocol version\r\n")
	c.ask("GET nobody\r\nHELLO 2 AUTH me secret\r\n", "$-1\r\n*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n"+
		"$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n")
	if m := a.misses(); len(m) > 0 {
		t.Errorf("not in the recording: %q", m)
	}
}
