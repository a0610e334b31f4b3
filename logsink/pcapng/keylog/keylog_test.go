package keylog_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/logsink/pcapng/keylog"
)

// line is a line of the format; n makes its random and its secret.
func line(label string, n int) string {
	return fmt.Sprintf("%s %064x %096x\n", label, n, n)
}

func random(n int) (r [32]byte) {
	r[31], r[30] = byte(n), byte(n>>8)
	return r
}

func write(t *testing.T, path, text string, flags int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *keylog.Log {
	t.Helper()
	l, err := keylog.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// expect reads all that is new.
func expect(t *testing.T, l *keylog.Log, want string) {
	t.Helper()
	var got strings.Builder
	for {
		lines, err := l.Read(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 0 {
			break
		}
		got.Write(lines)
	}
	if got.String() != want {
		t.Errorf("read %d bytes, want %d\n%.400s\nwant\n%.400s", got.Len(), len(want), got.String(), want)
	}
}

func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	l := open(t, path)
	expect(t, l, "") // it does not exist
	write(t, path, "", os.O_APPEND)
	expect(t, l, "")
	first, second := line("CLIENT_RANDOM", 1), line("CLIENT_RANDOM", 2)
	write(t, path, first, os.O_APPEND)
	expect(t, l, first)
	expect(t, l, "")
	for i := range second {
		expect(t, l, "")
		write(t, path, second[i:i+1], os.O_APPEND)
	}
	expect(t, l, second)
	write(t, path, first+second+"CLIENT", os.O_APPEND)
	expect(t, l, first+second)
	if got := l.Stats(); got != (keylog.Stats{Lines: 4}) {
		t.Errorf("%+v", got)
	}
}

func TestExisting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	text := line("CLIENT_RANDOM", 1) + line("CLIENT_TRAFFIC_SECRET_0", 2)
	write(t, path, text, 0)
	expect(t, open(t, path), text)
}

// Of a file with more than 1 MiB the end is read, from the first whole line on.
func TestExistingMuch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	var all strings.Builder
	for n := range 8000 {
		all.WriteString(line("CLIENT_RANDOM", n))
	}
	write(t, path, all.String(), 0)
	end := all.String()[all.Len()-1<<20:]
	_, end, _ = strings.Cut(end, "\n")
	l := open(t, path)
	expect(t, l, end)
	if got := l.Stats(); got.Dropped != 0 {
		t.Errorf("the part of a line counts: %+v", got)
	}
}

// What happens to a file between two readings, and what is read after it.
func TestChanges(t *testing.T) {
	old, next := line("CLIENT_RANDOM", 1)+line("CLIENT_RANDOM", 2), line("CLIENT_RANDOM", 3)
	for name, tc := range map[string]struct {
		change func(t *testing.T, path string)
		want   string
	}{
		"truncated": {func(t *testing.T, path string) { write(t, path, "", os.O_TRUNC) }, ""},
		"written anew, shorter": {func(t *testing.T, path string) {
			write(t, path, next, os.O_TRUNC)
		}, next},
		"written anew, as long": {func(t *testing.T, path string) {
			write(t, path, next+next, os.O_TRUNC)
		}, next + next},
		"written anew, longer": {func(t *testing.T, path string) {
			write(t, path, next+next+next, os.O_TRUNC)
		}, next + next + next},
		"replaced": {func(t *testing.T, path string) {
			write(t, path+".new", next, 0)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, next},
		"moved away after the last lines": {func(t *testing.T, path string) {
			write(t, path, next, os.O_APPEND)
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
			write(t, path, old, 0)
		}, next + old},
		"removed": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys")
			write(t, path, old, 0)
			l := open(t, path)
			expect(t, l, old)
			tc.change(t, path)
			expect(t, l, tc.want)
			write(t, path, next, os.O_APPEND)
			expect(t, l, next)
		})
	}
}

// A large file that was written anew, and is small now, before anything of it was read.
func TestExistingMuchTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	write(t, path, strings.Repeat(line("CLIENT_RANDOM", 1), 9000), 0)
	l := open(t, path)
	write(t, path, line("CLIENT_RANDOM", 2), os.O_TRUNC)
	expect(t, l, line("CLIENT_RANDOM", 2))
}

func TestLines(t *testing.T) {
	thirteen := strings.Repeat("0", 62) + "13"
	good := map[string]string{
		"TLS 1.2":     "CLIENT_RANDOM " + thirteen + " 00ff",
		"TLS 1.3":     "SERVER_HANDSHAKE_TRAFFIC_SECRET " + thirteen + " AAbb",
		"new keys":    "CLIENT_TRAFFIC_SECRET_12 " + thirteen + " 00",
		"exporter":    "EXPORTER_SECRET " + thirteen + " 00",
		"ECH":         "ECH_CONFIG " + thirteen + " " + strings.Repeat("00", 900),
		"CR LF":       "SERVER_TRAFFIC_SECRET_0 " + thirteen + " 00\r",
		"older label": "EARLY_EXPORTER_MASTER_SECRET " + thirteen + " 00",
	}
	bad := map[string]string{
		"label":          "QUIC_CLIENT_RANDOM " + thirteen + " 00",
		"label case":     "client_random " + thirteen + " 00",
		"no number":      "CLIENT_TRAFFIC_SECRET_ " + thirteen + " 00",
		"number":         "CLIENT_TRAFFIC_SECRET_1x " + thirteen + " 00",
		"short random":   "CLIENT_RANDOM " + thirteen[2:] + " 00",
		"long random":    "CLIENT_RANDOM " + thirteen + "00 00",
		"random":         "CLIENT_RANDOM " + thirteen[:63] + "x 00",
		"odd secret":     "CLIENT_RANDOM " + thirteen + " 000",
		"no secret":      "CLIENT_RANDOM " + thirteen + " ",
		"secret":         "CLIENT_RANDOM " + thirteen + " zz",
		"two spaces":     "CLIENT_RANDOM  " + thirteen + " 00",
		"more":           "CLIENT_RANDOM " + thirteen + " 00 00",
		"escape":         "CLIENT_RANDOM " + thirteen + " 00\x1b[2J",
		"a long line":    "ECH_CONFIG " + thirteen + " " + strings.Repeat("00", 3000),
		"something else": "root:x:0:0:root:/root:/bin/bash",
	}
	path := filepath.Join(t.TempDir(), "keys")
	l := open(t, path)
	for name, text := range good {
		write(t, path, text+"\n", os.O_APPEND)
		t.Run(name, func(t *testing.T) { expect(t, l, strings.TrimSuffix(text, "\r")+"\n") })
	}
	for name, text := range bad {
		write(t, path, text+"\n", os.O_APPEND)
		t.Run("not "+name, func(t *testing.T) { expect(t, l, "") })
	}
	write(t, path, "# a comment\n\n\r\n", os.O_APPEND)
	expect(t, l, "")
	if got, want := l.Stats(), (keylog.Stats{Lines: uint64(len(good)), Dropped: uint64(len(bad))}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// A line without an end costs no more memory than others, and what follows it is read.
func TestEndless(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	last := line("CLIENT_RANDOM", 1)
	write(t, path, strings.Repeat("CLIENT_RANDOM ", 60_000)+last+last, 0)
	l := open(t, path)
	expect(t, l, last)
	if got := l.Stats(); got != (keylog.Stats{Lines: 1, Dropped: 1}) {
		t.Errorf("counted %+v, want the one that has no end", got)
	}
}

// Much that nobody wants does not hide what comes behind it, and one call does not read all of it.
func TestWanted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	write(t, path, "", 0)
	l := open(t, path)
	mine := line("CLIENT_RANDOM", 300)
	write(t, path, strings.Repeat(line("CLIENT_RANDOM", 7), 20_000)+mine, os.O_APPEND)
	var calls int
	for got := ""; got == ""; calls++ {
		if calls > 10 {
			t.Fatal("it never comes")
		}
		lines, err := l.Read(func(r [32]byte) bool { return r == random(300) })
		if err != nil {
			t.Fatal(err)
		}
		if got = string(lines); got != "" && got != mine {
			t.Fatalf("read %.200q", got)
		}
	}
	if calls < 2 {
		t.Error("one call read all of 3 MB")
	}
	if got := l.Stats(); got != (keylog.Stats{Lines: 1, Foreign: 20_000}) {
		t.Errorf("counted %+v", got)
	}
}
