package procfs

import (
	"errors"
	"testing"
)

func TestStat(t *testing.T) {
	const rest = ") S 4 901 900 34819 901 4194304 97 0 0 0 1 2 3 4 20 0 1 0 2500 3133440 350 18446744073709551615 1 2 77 0 0\n"
	for _, comm := range []string{"sh", "", "a b", "(x) S 1 2 3", ")", "a\nb"} {
		got, err := parseStat([]byte("7 (" + comm + rest))
		want := stat{comm: comm, ppid: 4, session: 900, tty: 34819, start: 2500, stack: 77}
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", comm, got, err)
		}
	}
	for _, line := range []string{"", "7 (x", "7 x)", "7 )x(", "7 (x) S 4 901", "7 (x) S x" + rest[5:]} {
		if _, err := parseStat([]byte(line)); !errors.Is(err, errMalformed) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestTerminal(t *testing.T) {
	for number, want := range map[int]string{
		0: "", 136<<8 | 3: "pts/3", 137<<8 | 1: "pts/257", 136<<8 | 0x2c | 1<<20: "pts/300", 4<<8 | 1: "tty1",
		4<<8 | 64: "ttyS0", 5<<8 | 1: "console", 188 << 8: "ttyUSB0", 229 << 8: "hvc0", 204<<8 | 64: "204:64",
		// As a process with the number's highest bit set reads, an int32.
		-1 << 31: "0:524288",
	} {
		if got := terminal(number); got != want {
			t.Errorf("%#x: %q, want %q", number, got, want)
		}
	}
}
