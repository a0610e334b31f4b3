//go:build linux

// Package peers starts doors: lodoor, with one thing changed at a time, the relays that it is compared with, and no
// relay at all. What each is told is in the template of its configuration beside this file.
package peers

import (
	"fmt"
	"maps"
	"syscall"
)

// Door is one way from a client to the services.
type Door struct {
	Name string
	// About is what there is to know of it that its name does not say.
	About string
	// file is the template of its configuration; empty is no relay.
	file string
	// program is what runs; empty is lodoor.
	program string
	// args are the program's, with the folder of its configuration.
	args func(dir string) []string
	// stop is the signal that ends it without waiting for sessions.
	stop   syscall.Signal
	splice bool
	change change
}

// change is what a variant of lodoor has otherwise than the default.
type change struct {
	settings map[string]string
	rules    []string
	args     []string
	beside   []string // a program that runs beside lodoor
}

// The doors that others are compared with.
const (
	Direct  = "direct"
	Control = "direct again"
	HAProxy = "haproxy"
	Spliced = "haproxy splice"
	Nginx   = "nginx"
	Socat   = "socat"
	Rinetd  = "rinetd"
	Lodoor  = "lodoor"
)

// All are the doors, in the order in which they are shown.
func All() []Door {
	return append([]Door{
		{Name: Direct, About: "no relay"},
		{Name: Control, About: "no relay, measured as if it were another: the A/A control"},
		{Name: HAProxy, About: "tcp mode", file: "haproxy.cfg", program: "haproxy", args: haproxyArgs, stop: syscall.SIGTERM},
		{
			Name: Spliced, About: "tcp mode, option splice-request and splice-response: always splice(2), not when it guesses that it pays",
			file: "haproxy.cfg", program: "haproxy", args: haproxyArgs, stop: syscall.SIGTERM, splice: true,
		},
		{
			Name: Nginx, About: "stream module", file: "nginx.conf", program: "nginx", stop: syscall.SIGTERM,
			args: func(dir string) []string { return []string{"-c", dir + "/nginx.conf", "-e", dir + "/error.log"} },
		},
		{Name: Socat, About: "a process for each session", file: "socat.args", program: "socat", stop: syscall.SIGTERM},
		{
			Name: Rinetd, About: "one process, one thread", file: "rinetd.conf", program: "rinetd", stop: syscall.SIGTERM,
			args: func(dir string) []string { return []string{"-f", "-c", dir + "/rinetd.conf"} },
		},
	}, lodoors()...)
}

func haproxyArgs(dir string) []string { return []string{"-db", "-f", dir + "/haproxy.cfg"} }

func lodoors() []Door {
	variant := func(name, about string, c change) Door {
		if name != "" {
			name = " " + name
		}
		return Door{Name: Lodoor + name, About: about, file: "lodoor.yaml", stop: syscall.SIGTERM, change: c}
	}
	set := func(key, value string) change { return change{settings: map[string]string{key: value}} }
	return []Door{
		variant("", "the default: journal, proof that a peer is local, rules, session lines on standard output", change{}),
		variant("again", "the default, measured as if it were another", change{}),
		variant("lane copy", "two goroutines for each session", set("lane", "{kind: copy}")),
		variant("lane loop", "event loops", set("lane", "{kind: loop}")),
		variant("one loop", "one event loop", set("lane", "{kind: loop, loops: 1}")),
		variant("busy poll", "event loops that ask for 50 µs before they sleep", set("lane", "{kind: loop, busy_poll: 50us}")),
		variant("quiet", "no session lines", change{args: []string{"--quiet"}}),
		variant("journal off", "no journal", set("journal", "{dir: \"off\"}")),
		variant("no processes", "the processes behind peers are not looked for", set("privacy", "{processes: false}")),
		variant("disk", "durability disk: fdatasync before the backend is dialled", set("journal", "{durability: disk}")),
		variant("record", "all that passes is recorded, both legs, the oldest recordings making room", record(nil)),
		variant("record front", "all that passes is recorded, the clients' leg alone", set("record", recordFront)),
		variant("decode", "what is asked is read, and told where it took 100 ms", set("operations", decodeSlow)),
		variant("decode all", "what is asked is read, and each operation is a record", set("operations", "{record: all}")),
		variant("record decode", "recorded and read", record(map[string]string{"operations": decodeSlow})),
		variant("tcpdump", "the default, with tcpdump beside it that writes what passes on lo", change{beside: []string{
			"tcpdump", "-i", "lo", "-n", "-Z", "root", "-B", "16384", "-w", "capture.pcap", "tcp"}}),
		variant("rules 1", "one rule on a range of addresses", change{rules: prefixRules(1)}),
		variant("rules 100", "100 rules on zones, ranges and interfaces", change{rules: prefixRules(100)}),
		variant("rules 10000", "10,000 rules on zones, ranges and interfaces", change{rules: prefixRules(10_000)}),
		variant("when 1", "one rule with when", change{rules: whenRules(1)}),
		variant("when 5000", "5,000 rules with when", change{rules: whenRules(ManyWhen)}),
	}
}

const (
	recordBoth  = "{dir: recordings, max_total: 8GiB, when_full: oldest, rotate_size: 1GiB}"
	recordFront = "{dir: recordings, max_total: 8GiB, when_full: oldest, rotate_size: 1GiB, legs: front}"
	decodeSlow  = "{record: slow, slower_than: 100ms}"
)

// record is a change that records, with other settings beside it.
func record(settings map[string]string) change {
	all := map[string]string{"record": recordBoth}
	maps.Copy(all, settings)
	return change{settings: all}
}

// prefixRules are n rules on ranges and, every tenth, on a zone or an interface as well. None matches a local peer.
func prefixRules(n int) []string {
	rules := make([]string, n)
	for i := range rules {
		more := ""
		switch i % 10 {
		case 3:
			more = ", zones: [lan]"
		case 7:
			more = fmt.Sprintf(", interfaces: [\"tun%d\"]", i)
		}
		rules[i] = fmt.Sprintf("{name: r%d, action: deny, cidrs: [10.%d.%d.0/24]%s}", i, i/256, i%256, more)
	}
	return rules
}

// ManyWhen is how many rules with an expression one door has: what a single one costs, a tenth of a microsecond, is to
// stand out of what latencies vary by.
const ManyWhen = 5000

// whenRules are n rules whose expression is asked and does not match.
func whenRules(n int) []string {
	rules := make([]string, n)
	for i := range rules {
		rules[i] = fmt.Sprintf("{name: w%d, action: deny, when: peer.port == 1}", i)
	}
	return rules
}
