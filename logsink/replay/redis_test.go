package replay_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/logsink/replay"
	"github.com/lodoor/lodoor/logsink/replay/replaytest"
	"github.com/lodoor/lodoor/proxy/flow"
)

// play plays a recording.
func play(t *testing.T, path string, p replay.Protocol) *replay.Report {
	t.Helper()
	r, _, err := replay.Open(path, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report, err := replay.New(replay.Config{Recording: r, Protocol: p}).Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func redisCLI(t *testing.T, port, input string, args ...string) string {
	t.Helper()
	cmd := exec.Command(testkit.Program(t, "redis-cli"), append([]string{"-h", "127.0.0.1", "-p", port}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	return string(out)
}

func playRedis(t *testing.T, path string, server *testkit.RedisServer, password string, ignore ...string) *replay.Report {
	t.Helper()
	p, err := replay.NewRedis(replay.RedisConfig{
		To: flow.Endpoint{Host: "127.0.0.1", Port: uint16(server.Port)}, Password: password, Ignore: ignore,
	})
	if err != nil {
		t.Fatal(err)
	}
	return play(t, path, p)
}

// differences are what a report says, a line each.
func differences(r *replay.Report) string {
	var b strings.Builder
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "%s: %s: %s, %s\n", d.Operation, d.What, d.Recorded, d.Played)
	}
	return b.String()
}

func TestRedis(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	redisCLI(t, fmt.Sprint(server.Port), "CONFIG SET requirepass old\n")
	path := replaytest.Record(t, "redis", server.Port, func(port string) {
		for _, version := range []string{"-2", "-3"} {
			redisCLI(t, port, "SET a 1\nINCR a\nGET a\nHSET h f v g w x y\nHGETALL h\nSADD s 1 2 3 x y z\nSMEMBERS s\nTIME\nINFO\nCLIENT ID\n"+
				"EXPIRE a 100\nTTL a\nPTTL a\nSPOP s\nSCAN 0\nXADD st * k v\nKEYS a*\nGET extra\nLPUSH l 1 2\nLRANGE l 0 -1\nINCR l\n"+
				"SELECT 2\nSET a x\nGET a\nDBSIZE\nOBJECT ENCODING a\n", "-a", "old", version)
			redisCLI(t, port, "MULTI\nSET m 1\nTIME\nINCR m\nEXEC\nMULTI\nSET m 2\nDISCARD\nGET m\nCONFIG SET requirepass old\nACL WHOAMI\n", "-a", "old", version)
			redisCLI(t, port, "DEL h s l st m\nSELECT 2\nDEL a\n", "-a", "old", version)
		}
		testkit.Run(t, "redis-benchmark", "-p", port, "-a", "old", "-t", "lpush,lrange_100", "-P", "16", "-c", "1", "-n", "1000", "-q")
		testkit.Run(t, "redis-benchmark", "-p", port, "-a", "old", "-t", "set,get", "-P", "16", "-c", "4", "-n", "1000", "-q")
	})
	fresh := testkit.Redis(t)
	redisCLI(t, fmt.Sprint(fresh.Port), "CONFIG SET requirepass new\n")
	report := playRedis(t, path, fresh, "new")
	if !report.Good() || report.Sessions < 6 {
		t.Errorf("%+v\n%s", report, differences(report))
	}
	for _, rule := range []string{"time", "server", "random", "order"} {
		if rule != "order" && report.Ignored[rule] == 0 {
			t.Errorf("rule %s was not used: %v", rule, report.Ignored)
		}
	}
	if len(report.Omitted) != 2 {
		t.Errorf("not asked: %+v", report.Omitted)
	}

	changed := testkit.Redis(t)
	redisCLI(t, fmt.Sprint(changed.Port), "SET extra there\n")
	report = playRedis(t, path, changed, "")
	want := "GET ?: the answer: nil, \"there\"\n"
	if got := differences(report); got != want+want || report.Different != 2 {
		t.Errorf("%d differences, want the two of one key:\n%s", report.Different, got)
	}
}

// Answers that come in another order than others may, and those that may not.
func TestRedisErrors(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	path := replaytest.Record(t, "redis", server.Port, func(port string) {
		redisCLI(t, port, "EVAL \"return redis.error_reply('OOPS one')\" 0\nMULTI\nGET a\nLRANGE l 0 -1\nEXEC\n")
	})
	fresh := testkit.Redis(t)
	redisCLI(t, fmt.Sprint(fresh.Port), "RPUSH l x\n")
	report := playRedis(t, path, fresh, "")
	if got, want := differences(report), "EXEC: the number of elements, 0 and 1 of element 2, of LRANGE: [nil, []], [nil, [\"x\"]]\n"; got != want {
		t.Errorf("differences:\n%swant\n%s", got, want)
	}
	if _, err := replay.NewRedis(replay.RedisConfig{Ignore: []string{"nonsense"}}); err == nil || !strings.Contains(err.Error(), `unknown rule "nonsense": expected one of messages`) {
		t.Errorf("an unknown rule: %v", err)
	}
}
