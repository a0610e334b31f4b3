package parse

import (
	"maps"
	"testing"
	"time"
)

func TestIperf3(t *testing.T) {
	for _, tc := range []struct {
		name, report string
		want         Bulk
		bad          bool
	}{
		{
			name: "one stream", want: Bulk{1705246720, 1704013014.5},
			report: `{"start":{},"end":{"sum_sent":{"bytes":9,"bits_per_second":9},
				"sum_received":{"start":0,"bytes":1705246720,"bits_per_second":13632104116,"sender":true}}}`,
		},
		{name: "an error", report: `{"start":{},"intervals":[],"end":{},"error":"unable to connect"}`, bad: true},
		{name: "nothing arrived", report: `{"end":{"sum_received":{"bytes":0,"bits_per_second":0}}}`, bad: true},
		{name: "cut off", report: `{"end":{"sum_`, bad: true},
		{name: "no report", report: "", bad: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Iperf3([]byte(tc.report))
			if got != tc.want || (err != nil) != tc.bad {
				t.Errorf("got %+v, %v; want %+v, an error: %v", got, err, tc.want, tc.bad)
			}
		})
	}
}

const redisHeads = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
`

func TestRedisBenchmark(t *testing.T) {
	for _, tc := range []struct {
		name, output string
		want         Requests
		bad          bool
	}{
		{
			name: "GET", output: redisHeads + `"GET","47058.82","0.543","0.176","0.535","0.647","0.823","4.207"` + "\n",
			want: Requests{47058.82, 535 * time.Microsecond, 823 * time.Microsecond},
		},
		{
			name: "among others", output: redisHeads + `"SET","1","1","1","1","1","1","1"` + "\n" + `"GET","2","1","1","1.5","1","2","1"` + "\n",
			want: Requests{2, 1500 * time.Microsecond, 2 * time.Millisecond},
		},
		{name: "another command", output: redisHeads + `"SET","1","1","1","1","1","1","1"` + "\n", bad: true},
		{name: "not a number", output: redisHeads + `"GET","many","1","1","1","1","1","1"` + "\n", bad: true},
		{name: "heads alone", output: redisHeads, bad: true},
		{name: "nothing", bad: true},
		{name: "an error", output: "Could not connect, refused\nto Redis\n", bad: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := RedisBenchmark(tc.output, "GET")
			if got != tc.want || (err != nil) != tc.bad {
				t.Errorf("got %+v, %v; want %+v, an error: %v", got, err, tc.want, tc.bad)
			}
		})
	}
}

func TestPgBench(t *testing.T) {
	for _, tc := range []struct {
		name, output string
		want         float64
		bad          bool
	}{
		{name: "15", output: "latency average = 0.3 ms\ninitial connection time = 9 ms\ntps = 26512.25 (without initial connection time)\n", want: 26512.25},
		{name: "13", output: "tps = 1 (including connections establishing)\ntps = 2.5 (excluding connections establishing)\n", want: 2.5},
		{name: "no number", output: "tps = inf. (without)\n", bad: true},
		{name: "none", output: "pgbench: error: connection refused\n", bad: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := PgBench(tc.output)
			if got != tc.want || (err != nil) != tc.bad {
				t.Errorf("got %v, %v; want %v, an error: %v", got, err, tc.want, tc.bad)
			}
		})
	}
}

const straceTable = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 40.96    0.034656          11      3001           write
 28.04    0.023723           7      3018        12 read
  0.08    0.000070          17         4         2 accept4
------ ----------- ----------- --------- --------- ----------------
`

func TestStrace(t *testing.T) {
	for _, tc := range []struct {
		name, table string
		want        map[string]int
		bad         bool
	}{
		{"6", straceTable + "100.00    0.084615           9      6023        14 total\n", map[string]int{"write": 3001, "read": 3018, "accept4": 4}, false},
		{"5, a total without its mean", straceTable + "100.00    0.084615                  6023        14 total\n", map[string]int{"write": 3001, "read": 3018, "accept4": 4}, false},
		{"no call", "", map[string]int{}, false},
		{"no number", "100.00    0.08    9      many    write\n", nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Strace(tc.table)
			if !maps.Equal(got, tc.want) || (err != nil) != tc.bad {
				t.Errorf("got %v, %v; want %v, an error: %v", got, err, tc.want, tc.bad)
			}
		})
	}
}
