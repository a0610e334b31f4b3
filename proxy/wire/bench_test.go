package wire_test

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
)

// BenchmarkQuestion is what one question and its answer cost the session that asks.
func BenchmarkQuestion(b *testing.B) {
	for protocol, session := range map[string][]piece{
		"postgres": postgresSession(), "redis": redisSession(), "http": httpSession(), "mysql": mysqlSession(),
	} {
		b.Run(protocol, func(b *testing.B) {
			n := 0
			d := wire.New(wire.Config{
				Protocol: func(string) string { return protocol }, Emit: func(*flow.Record) { n++ },
			})
			t := d.Tap(open())
			login := map[string]int{"postgres": 2, "mysql": 3}[protocol]
			for _, p := range session[:login] {
				t.Data(p.dir, begin(), []byte(p.bytes))
			}
			question, answer := []byte(session[login].bytes), []byte(session[login+1].bytes)
			n = 0
			b.ReportAllocs()
			for b.Loop() {
				t.Data(fromClient, begin(), question)
				t.Data(fromBackend, begin(), answer)
			}
			if n != b.N {
				b.Fatalf("%d operations of %d questions", n, b.N)
			}
		})
	}
}
