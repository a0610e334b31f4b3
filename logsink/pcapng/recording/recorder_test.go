package recording_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
)

// TestRecorder reads what the recorder itself has made: every session is whole, and both legs have the same bytes.
func TestRecorder(t *testing.T) {
	in, err := os.ReadFile("../testdata/conversations.pcapng")
	check(t, err)
	got, err := heard(in, recording.Options{Leg: recording.LegBoth})
	check(t, err)
	compared := 0
	for key, front := range got {
		back := got[strings.Replace(key, "/0/", "/1/", 1)]
		if !strings.Contains(key, "/0/") || back == nil {
			continue
		}
		if string(front.bytes) != string(back.bytes) {
			t.Errorf("%s: %d bytes on the front leg, %d on the back leg", key, len(front.bytes), len(back.bytes))
		}
		compared++
	}
	if compared != 8 {
		t.Errorf("%d directions with two legs, want those of 4 sessions", compared)
	}
	for _, l := range whole(t, in, recording.Options{}) {
		if strings.Contains(l, "unfinished") {
			t.Error(l)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	in := large(20_000).b
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := recording.New(bytes.NewReader(in), "bench", recording.Options{})
		check(b, err)
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}
