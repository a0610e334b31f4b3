// Package lanetest is what every lane must pass: real connections over loopback, TCP and Unix, with the lane between
// their two ends.
package lanetest

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/lane"
)

// Run tests the lanes that newLane makes; each test takes a new one and closes it.
//
// After a reset the lane must go on delivering what it had read for at least three seconds to a receiver that takes
// nothing, and give up within [Patience].
func Run(t *testing.T, newLane func(t *testing.T) lane.Lane) {
	t.Run("Network", func(t *testing.T) {
		for _, n := range networks() {
			t.Run(n.name, func(t *testing.T) {
				t.Parallel() // most of the time they wait
				runNetwork(t, kit{newLane: newLane, network: n})
			})
		}
		t.Run("tcp4, a gate lets all pass", func(t *testing.T) {
			t.Parallel()
			kit{newLane: newLane, network: networks()[0], gate: passAll}.gateUnnoticed(t)
		})
	})
	k := kit{newLane: newLane, network: networks()[0]}
	t.Run("InTime", k.inTime)
	t.Run("CloseWaits", k.closeWaits)
	t.Run("Memory", k.memory)
	t.Run("IdleMemory", k.idleMemory)
	t.Run("Many", k.many)
	for _, gate := range []script{passAll, lag} {
		k.gate = gate
		t.Run("Memory with a gate", k.memory)
		t.Run("IdleMemory with a gate", k.idleMemory)
	}
}

// RunShort is what of Run takes a few seconds: one network, and without measuring memory.
func RunShort(t *testing.T, newLane func(t *testing.T) lane.Lane) {
	k := kit{newLane: newLane, network: networks()[0]}
	for name, test := range map[string]func(*testing.T){
		"Conn": k.conn, "Outcome": k.outcomes, "Timeout": k.timeouts, "Bulk": k.bulk, "Backpressure": k.backpressure,
		"Tap": k.tap, "Kill": k.kill, "KillRace": k.killRace, "Random": k.random, "Many": k.many,
		"Gate": k.gates, "Room": k.room, "Answer": k.answers, "Amend": k.amends,
	} {
		t.Run(name, test)
	}
}

func runNetwork(t *testing.T, k kit) {
	t.Run("Conn", k.conn)
	t.Run("Behaviour", k.behaviours)
	t.Run("Outcome", k.outcomes)
	t.Run("Timeout", k.timeouts)
	t.Run("Flush", k.flush)
	t.Run("Bulk", k.bulk)
	t.Run("Backpressure", k.backpressure)
	t.Run("Tap", k.tap)
	t.Run("Kill", k.kill)
	t.Run("KillRace", k.killRace)
	t.Run("Random", k.random)
	t.Run("Gate", k.gates)
	t.Run("Room", k.room)
	t.Run("Answer", k.answers)
	t.Run("Amend", k.amends)
}
