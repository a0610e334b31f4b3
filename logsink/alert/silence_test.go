package alert_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestSilencedAlertsAreRecords(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, alert.Config{Dir: dir}, func(b *bell) {
		down := func() []string { return b.give(closed("pg", flow.EndDialRefused, "down")) }
		s, err := b.a.Silence(alert.Silence{
			Condition: "backend_down", Service: "pg", Zone: "*", Until: b.now.Add(time.Hour), By: "ada", Why: "maintenance",
		})
		if err != nil || len(s.ID) != 8 || !s.Since.Equal(b.now) {
			t.Fatalf("%+v: %v", s, err)
		}
		want(t, down(), "pg: backend down: down")
		if !b.last().Silenced {
			t.Errorf("not silenced: %+v", b.last())
		}
		down()
		want(t, b.pass(time.Minute), "pg: backend down, 2 sessions failed: down")
		if a := b.last(); !a.Silenced || !a.Repeat {
			t.Errorf("the repeat is %+v", a)
		}
		if g := b.a.Active(); !g[0].Silenced.Equal(s.Until) {
			t.Errorf("active is %+v", g)
		}
		b.begin(alert.Config{Dir: dir})
		want(t, down(), "pg: backend down: down")
		want(t, b.give(reached("pg", 0), closed("redis", flow.EndDialRefused, "down")),
			"redis: backend down: down")
		if b.rang[len(b.rang)-2].Alert.Silenced != true || b.last().Silenced {
			t.Errorf("what was silenced is %+v, then %+v", b.rang[len(b.rang)-2].Alert, b.last())
		}
	})
}

// What nobody heard of is told as soon as the silence is over, and only then; that it is over is not told to who did
// not hear that it began.
func TestAfterASilence(t *testing.T) {
	inBubble(t, alert.Config{}, func(b *bell) {
		down := func() []string { return b.give(closed("pg", flow.EndDialRefused, "down")) }
		s, err := b.a.Silence(alert.Silence{Service: "pg", Until: b.now.Add(10 * time.Second), By: "ada"})
		if err != nil {
			t.Fatal(err)
		}
		down()
		b.pass(10 * time.Second)
		want(t, down(), "pg: backend down, 2 sessions failed in 10s: down")
		if b.last().Silenced {
			t.Errorf("still silenced: %+v", b.last())
		}
		want(t, down())
		if all := b.a.Silences(); len(all) != 1 || all[0] != s || !all[0].Expired(time.Now()) {
			t.Errorf("silences %+v", all)
		}
		<-time.After(24 * time.Hour)
		b.now = time.Now()
		b.pass(time.Second)
		if all := b.a.Silences(); len(all) != 0 {
			t.Errorf("silences after a day %+v", all)
		}
		b.give(reached("pg", 0))
		s, err = b.a.Silence(alert.Silence{Alert: b.last().ID, Until: b.now.Add(time.Hour), By: "ada"})
		if err != nil {
			t.Fatal(err)
		}
		down()
		if err := b.a.Unsilence(s.ID); err != nil {
			t.Fatal(err)
		}
		if err := b.a.Unsilence(s.ID); err == nil || !strings.Contains(err.Error(), "no silence has the id") {
			t.Errorf("ended twice: %v", err)
		}
		b.pass(time.Second)
		want(t, b.give(reached("pg", 0)), "pg: backend: reached again after 1s; 1 event")
		if a := b.last(); !a.Resolved || !a.Silenced {
			t.Errorf("resolved by %+v", a)
		}
	})
}

func TestSilencesMatch(t *testing.T) {
	inBubble(t, alert.Config{}, func(b *bell) {
		one := refused("pg", flow.ZoneLAN, flow.CauseRule, addr(1))
		one.Origin = &flow.Origin{Program: "psql"}
		b.give(one)
		id := b.last().ID
		matching := []alert.Silence{
			{Condition: "denied"}, {Service: "pg"}, {Program: "psql"}, {Zone: "lan"}, {Severity: "warning"}, {Alert: id},
			{Condition: "*"}, {Condition: "denied", Service: "pg", Program: "psql", Zone: "lan", Severity: "warning", Alert: id},
		}
		other := []alert.Silence{
			{Condition: "limit"}, {Service: "p"}, {Program: "psq"}, {Zone: "public"}, {Severity: "critical"}, {Alert: id[:8]},
			{Condition: "denied", Service: "redis"},
		}
		for i, s := range append(matching, other...) {
			s.Until, s.By = b.now.Add(time.Minute), "ada"
			s, err := b.a.Silence(s)
			if err != nil {
				t.Fatal(err)
			}
			if got := !b.a.Active()[0].Silenced.IsZero(); got != (i < len(matching)) {
				t.Errorf("%+v matches: %v", s, got)
			}
			if err := b.a.Unsilence(s.ID); err != nil {
				t.Fatal(err)
			}
		}
		b.give(refused("pg", flow.ZoneLAN, flow.CauseRule, addr(1))) // by another program
		if p := b.a.Active()[0].Program; p != "" {
			t.Errorf("a group of several programs has %q", p)
		}
	})
}

func TestSilencesSayWhatIsWrong(t *testing.T) {
	inBubble(t, alert.Config{}, func(b *bell) {
		in := func(d time.Duration) time.Time { return b.now.Add(d) }
		tests := []struct {
			s    alert.Silence
			want string
		}{
			{alert.Silence{Until: in(time.Hour), By: "ada"}, "it matches everything: expected one at least of alert,"},
			{alert.Silence{Service: "pg", By: "ada"}, "until 0001-01-01T00:00:00Z: expected a time within a year from now"},
			{alert.Silence{Service: "pg", Until: b.now, By: "ada"}, "until 2000-01-01T00:00:00Z: expected a time within a year"},
			{alert.Silence{Service: "pg", Until: in(400 * 24 * time.Hour), By: "ada"}, "until 2001-02-04T00:00:00Z: expected"},
			{alert.Silence{Service: "pg", Until: in(time.Hour)}, `by "": expected who wants it`},
			{alert.Silence{Zone: "mars", Until: in(time.Hour), By: "ada"}, `unknown zone "mars": expected one of`},
			{alert.Silence{Severity: "bad", Until: in(time.Hour), By: "ada"}, `unknown severity "bad": expected one of`},
			{alert.Silence{Service: strings.Repeat("x", 600), Until: in(time.Hour), By: "ada"}, "has 600 bytes: at most 512"},
		}
		for _, test := range tests {
			if test.s.Until.Location() != time.UTC {
				test.s.Until = test.s.Until.UTC()
			}
			if _, err := b.a.Silence(test.s); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%+v: %v, want %q", test.s, err, test.want)
			}
		}
		if all := b.a.Silences(); len(all) != 0 {
			t.Errorf("silences %+v", all)
		}
		var err error
		for i := 0; err == nil; i++ {
			if i > 256 {
				t.Fatal("there is no bound")
			}
			_, err = b.a.Silence(alert.Silence{Service: fmt.Sprint(i), Until: in(time.Hour), By: "ada"})
		}
		if want := "silence alerts: there are 256 silences: at most 256 are allowed"; err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
}
