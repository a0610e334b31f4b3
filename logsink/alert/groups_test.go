package alert_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestWaitGathersBeforeTheFirstAlert(t *testing.T) {
	inBubble(t, alert.Config{Settings: alert.Settings{Wait: 10 * time.Second}}, func(b *bell) {
		knock := refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1))
		want(t, b.give(knock, knock))
		want(t, b.pass(9*time.Second))
		knock.Time = time.Time{}
		want(t, b.give(knock))
		want(t, b.pass(time.Second), "pg: refused 3 connections from 198.18.0.1 in 9s: the reason")
		if a := b.last(); a.Repeat {
			t.Errorf("the first alert is %+v", a)
		}
		want(t, b.give(closed("pg", flow.EndDialRefused, "down")), "pg: backend down: down") // waits for nothing
	})
	inBubble(t, alert.Config{Settings: alert.Settings{Wait: time.Hour, Threshold: 2}}, func(b *bell) {
		knock := refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1))
		b.give(knock, knock, refused("redis", flow.ZonePublic, flow.CauseNonLocal, addr(1)))
		want(t, b.pass(30*time.Minute))
		want(t, b.batch(flow.Batch{Last: true}), "pg: refused 2 connections from 198.18.0.1: the reason")
	})
}

func TestThresholdHoldsUntilThereAreMany(t *testing.T) {
	inBubble(t, alert.Config{Settings: alert.Settings{Threshold: 3}}, func(b *bell) {
		knock := refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1))
		want(t, b.give(knock, knock))
		want(t, b.pass(6*time.Minute)) // forgotten
		want(t, b.give(knock, knock))
		want(t, b.give(knock), "pg: refused 3 connections from 198.18.0.1: the reason")
		want(t, b.give(closed("pg", flow.EndDialRefused, "down")), "pg: backend down: down")
	})
}

func TestIdentifiersAreOfTheGroup(t *testing.T) {
	records := []flow.Record{
		refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1)), refused("pg", flow.ZoneLAN, flow.CauseNonLocal, addr(1)),
		refused("pg", flow.ZonePublic, flow.CauseRule, addr(1)), refused("redis", flow.ZonePublic, flow.CauseNonLocal, addr(1)),
	}
	first, second := newBell(t), newBell(t)
	first.give(records...)
	second.now = second.now.Add(time.Hour)
	second.give(records...)
	seen := map[string]bool{}
	for i := range records {
		id := first.rang[i].Alert.ID
		if seen[id] || !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(id) {
			t.Errorf("alert %d has the id %q", i, id)
		}
		seen[id] = true
		if again := second.rang[i].Alert.ID; again != id {
			t.Errorf("alert %d has another id after a restart: %s, %s", i, id, again)
		}
	}
	if id := first.rang[0].Alert.ID; id != "b7287492f19e500a" { // silences and acknowledgements on disk rely on it
		t.Errorf("identifiers are not what they were: %s", id)
	}
}

func TestAcknowledgedGroupsAreNotToldAgain(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
		down := func() { b.give(closed("pg", flow.EndDialRefused, "down")) }
		down()
		id := b.last().ID
		if err := b.a.Ack(id[:6], "ada"); err != nil {
			t.Fatal(err)
		}
		b.new()
		for range 10 {
			down()
			want(t, b.pass(time.Minute))
		}
		if s := b.a.Active(); len(s) != 1 || s[0].Acked != "ada" || s[0].Count != 11 || s[0].ID != id {
			t.Errorf("active is %+v", s)
		}
		b.begin(alert.Config{Dir: dir}) // a restart
		down()
		want(t, b.pass(10*time.Minute))
		want(t, b.give(reached("pg", time.Second)), "pg: backend: reached again after 10m0s; 1 event")
		down()
		want(t, b.new())
		if a := b.last(); a.Resolved || a.Repeat {
			t.Errorf("down again is %+v", a)
		}
	})
}

func TestAcknowledgementEndsWhenItMattersMore(t *testing.T) {
	for _, restart := range []bool{false, true} {
		dir := t.TempDir()
		inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
			b.give(carriedBy("pg", sshd(flow.ZoneUnknown, "")))
			if err := b.a.Ack(b.last().ID, "ada"); err != nil {
				t.Fatal(err)
			}
			if restart {
				b.begin(alert.Config{Dir: dir})
			}
			b.new()
			want(t, b.give(carriedBy("pg", sshd(flow.ZoneUnknown, ""))))
			n := len(b.rang)
			b.give(carriedBy("pg", sshd(flow.ZonePublic, "192.0.2.7:1")))
			if len(b.rang) != n+1 || b.last().Severity != flow.SeverityCritical {
				t.Errorf("restart %v: %d alerts after %d", restart, len(b.rang), n)
			}
			if s := b.a.Active(); s[0].Acked != "" {
				t.Errorf("still acknowledged: %+v", s)
			}
		})
	}
}

// An acknowledgement is of what goes on. When it is over, and for an earlier run's when it does not come back, so is it.
func TestAcknowledgementsDoNotLast(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
		knock := refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1))
		const message = "pg: refused 198.18.0.1:4444: the reason"
		want(t, b.give(knock), message)
		if err := b.a.Ack(b.last().ID, "ada"); err != nil {
			t.Fatal(err)
		}
		want(t, b.give(knock, knock))
		want(t, b.pass(6*time.Minute))
		want(t, b.give(refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1))), message)
		if err := b.a.Ack(b.last().ID, "ada"); err != nil {
			t.Fatal(err)
		}
		b.begin(alert.Config{Dir: dir})
		want(t, b.pass(6*time.Minute))
		want(t, b.give(refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1))), message)
	})
}

func TestAckSaysWhatIsWrong(t *testing.T) {
	b := newBell(t)
	for i := range 20 {
		b.give(refused(fmt.Sprint("service", i), flow.ZonePublic, flow.CauseNonLocal, addr(1)))
	}
	for _, test := range [][3]string{
		{"", "ada", `acknowledge alert: no id: expected that of an active alert, or its beginning`},
		{"zz", "ada", `acknowledge alert: no active alert has the id "zz": expected one that lodoor alerts list shows`},
		{b.last().ID[:0] + "0", "", `acknowledge alert: by "": expected who it is, in at most 128 bytes`},
	} {
		if err := b.a.Ack(test[0], test[1]); err == nil || err.Error() != test[2] {
			t.Errorf("%q: %v", test, err)
		}
	}
	several := 0
	for _, digit := range "0123456789abcdef" { // 20 groups, 16 first digits
		if err := b.a.Ack(string(digit), "ada"); err != nil && regexp.MustCompile("several ids").MatchString(err.Error()) {
			several++
		}
	}
	if several == 0 {
		t.Error("no beginning was that of several")
	}
}
