package block_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
)

func TestFileName(t *testing.T) {
	began := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for text, want := range map[string]block.FileName{
		"db-20260102T150405Z.pcapng":                   {Service: "db", Began: began},
		"db-20260102T150405Z-2.pcapng":                 {Service: "db", Began: began, N: 2},
		"my-db-20260102T150405Z-alert-12.pcapng.zst":   {Service: "my-db", Began: began, Label: "alert", N: 12, Compressed: true},
		"db-20260102T150405Z.pcapng.age":               {Service: "db", Began: began, Encrypted: true},
		".db-20260102T150405Z.pcapng.zst.age.part-k3y": {Service: "db", Began: began, Compressed: true, Encrypted: true, Key: "k3y"},
		"a-20250101T000000Z-20260102T150405Z.pcapng":   {Service: "a-20250101T000000Z", Began: began},
		".db-20260102T150405Z-alert.pcapng.part-k3y":   {Service: "db", Began: began, Label: "alert", Key: "k3y"},
		"db-20260102T150405Z-two-words-4.pcapng":       {Service: "db", Began: began, Label: "two-words", N: 4},
	} {
		got, ok := block.ParseFileName(text)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: ok %v\n%s", text, ok, diff)
		}
		if got.String() != text {
			t.Errorf("%s is written as %s", text, got.String())
		}
	}
	for _, text := range []string{
		"", "db.pcapng", "db-20260102T150405Z.pcap", "db-20260102T150405Z.pcapng.part-k3y", ".db-20260102T150405Z.pcapng",
		"db-20260102T150405Z-1.pcapng", "db-20260102T150405Z-02.pcapng", "db-20260102T150405Z.pcapng.age.zst",
		"db-20261302T150405Z.pcapng", "20260102T150405Z.pcapng", "db-20260102T150405Z.pcapng.zst.old", ".db-20260102T150405Z.pcapng.part", ".db-20260102T150405Z.pcapng.part-",
	} {
		if n, ok := block.ParseFileName(text); ok {
			t.Errorf("%q is taken for %+v", text, n)
		}
	}
}

func TestIsRecording(t *testing.T) {
	for text, want := range map[string]bool{
		"mine.pcapng": true, "mine.pcapng.zst": true, "mine.pcapng.age": true, "mine.pcapng.zst.age": true,
		"mine.pcap": false, "pcapng": false, "mine.pcapng.part-k3y": false, "mine.zst": false,
	} {
		if got := block.IsRecording(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestPlainService(t *testing.T) {
	for service, want := range map[string]string{
		"db": "db", "": "service", "..": "service", "../etc/x": "_etc_x", "a b\x00ü": "a_b__", ".hidden": "hidden",
	} {
		if got := block.PlainService(service); got != want {
			t.Errorf("%q: %q, want %q", service, got, want)
		}
	}
}
