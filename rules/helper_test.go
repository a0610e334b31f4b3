package rules_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

const ownUID = 1000

// config is lodoor as user 1000 on a system that knows alice and bob, in UTC.
func config() rules.Config {
	return rules.Config{UID: ownUID, Location: time.UTC, LookupUser: func(name string) (uint32, error) {
		switch name {
		case "alice":
			return 1001, nil
		case "bob":
			return 1002, nil
		}
		return 0, errors.New("no such user")
	}}
}

// doors are a service on TCP and one on a Unix socket.
func doors() []rules.Service { return []rules.Service{{Name: "db"}, {Name: "pg", UnixBackend: true}} }

func compile(t testing.TB, s rules.Settings) *rules.Set {
	t.Helper()
	set, err := rules.Compile(s, doors(), config())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// monday is 2026-03-02, a Monday, 14:30 UTC.
func monday() time.Time { return time.Date(2026, 3, 2, 14, 30, 0, 0, time.UTC) }

type change func(*flow.Facts)

// facts are of a peer of service db, changed.
func facts(addr string, zone flow.Zone, proof flow.Proof, changes ...change) *flow.Facts {
	f := &flow.Facts{Service: "db", Time: monday(), Peer: flow.Peer{
		Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 40000), Front: netip.MustParseAddrPort("127.0.0.1:62893"),
		Zone: zone, Proof: proof, Interface: "lo",
	}}
	if !zone.Local() {
		f.Peer.Interface = "eth0"
	}
	for _, c := range changes {
		c(f)
	}
	return f
}

func local(changes ...change) *flow.Facts {
	return facts("127.0.0.1", flow.ZoneLoopback, flow.ProofSocket, changes...)
}

func lan(changes ...change) *flow.Facts {
	return facts("192.0.2.7", flow.ZoneLAN, flow.ProofNone, changes...)
}

func public(changes ...change) *flow.Facts {
	return facts("203.0.113.9", flow.ZonePublic, flow.ProofNone, changes...)
}

func fake(changes ...change) *flow.Facts {
	return facts("127.0.0.9", flow.ZoneLoopback, flow.ProofNone, append([]change{via("veth0")}, changes...)...)
}

func unixPeer(changes ...change) *flow.Facts {
	f := &flow.Facts{Service: "db", Time: monday(), Peer: flow.Peer{Path: "/run/db", Zone: flow.ZoneUnix, Proof: flow.ProofUnix}}
	for _, c := range changes {
		c(f)
	}
	return f
}

func uid(n uint32, name string) change {
	return func(f *flow.Facts) {
		f.Origin = flow.Origin{Attribution: flow.AttributionUIDOnly, UID: n, User: name}
	}
}

// by says that the processes were found holding the socket; alice is their user.
func by(processes ...*flow.Process) change {
	return func(f *flow.Facts) {
		f.Origin = flow.Origin{
			Attribution: flow.AttributionLiveSocket, UID: 1001, User: "alice",
			Process: processes[0], PID: processes[0].PID, Program: processes[0].Program,
		}
		if len(processes) > 1 {
			f.Origin.Holders = processes
		}
	}
}

// psql is what is known of a process when all is.
func psql() *flow.Process {
	return &flow.Process{
		PID: 4242, Program: "psql", Executable: flow.Executable{Path: "/usr/bin/psql", Inode: 7}, CommandLine: "psql shop",
		WorkingDirectory: "/home/alice", UID: 1001, User: "alice", Parents: []flow.Ancestor{{PID: 4000, Program: "bash"}, {PID: 1, Program: "systemd"}},
		Cgroup: "/user.slice/session-3.scope", Unit: "session-3.scope", Session: 4000, TTY: "pts/3",
	}
}

// node runs in a container and a service.
func node() *flow.Process {
	return &flow.Process{
		PID: 5000, Program: "node server.js", Executable: flow.Executable{Path: "/usr/local/bin/node"}, UID: 1001,
		Parents: []flow.Ancestor{{PID: 4999, Program: "containerd-shim"}}, Cgroup: "/docker/" + containerID,
		Container: flow.Container{ID: containerID, Runtime: "docker"}, Unit: "shop@1.service",
	}
}

const containerID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// dark is a process of another user of which little can be read.
func dark() *flow.Process { return &flow.Process{PID: 6000} }

func sought(f *flow.Facts) { f.Sought = true }

// carried says that a forwarder carries the connection.
func carried(name string) change {
	return func(f *flow.Facts) {
		by(&flow.Process{PID: 800, Program: name})(f)
		f.Origin.Forwarder = &flow.Forwarder{Name: name, PID: 800, Zone: flow.ZonePublic, Far: netip.MustParseAddrPort("203.0.113.5:5000")}
	}
}

// speaksFor says that the peer conveyed a client.
func speaksFor(addr string, zone flow.Zone) change {
	return func(f *flow.Facts) {
		f.Peer.Conveyed = &flow.Conveyed{Client: netip.AddrPortFrom(netip.MustParseAddr(addr), 50000), Zone: zone, Version: 1}
	}
}

func to(service string) change { return func(f *flow.Facts) { f.Service = service } }

func via(name string) change { return func(f *flow.Facts) { f.Peer.Interface = name } }

func at(t time.Time) change { return func(f *flow.Facts) { f.Time = t } }

func ranges(texts ...string) []rules.CIDR {
	var list []rules.CIDR
	for _, text := range texts {
		c, err := rules.ParseCIDR(text)
		if err != nil {
			panic(err)
		}
		list = append(list, c)
	}
	return list
}
