package procfs

import (
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestCommandLineNames(t *testing.T) {
	for _, c := range []CommandLine{CommandLineRedacted, CommandLineOff, CommandLineFull} {
		text, err := c.MarshalText()
		var got CommandLine
		if errRead := got.UnmarshalText(text); err != nil || errRead != nil || got != c {
			t.Errorf("%v is written %q and read %v, %v, %v", c, text, got, err, errRead)
		}
	}
	err := new(CommandLine).UnmarshalText([]byte("on"))
	if err == nil || !strings.Contains(err.Error(), `"on": expected one of redacted, off, full`) {
		t.Error(err)
	}
	if got := CommandLine(9).String(); got != "invalid(9)" {
		t.Error(got)
	}
}

func TestCommandLine(t *testing.T) {
	args := []string{"mysql", "-phunter2", "a b", "", "it's", "über", "x=y"}
	for c, want := range map[CommandLine]string{
		CommandLineOff:      "",
		CommandLineFull:     `mysql -phunter2 'a b' '' 'it'\''s' über x=y`,
		CommandLineRedacted: `mysql -p*** 'a b' '' 'it'\''s' über x=y`,
	} {
		if got := c.line("/usr/bin/mysql", args); got != want {
			t.Errorf("%v: %s; want %s", c, got, want)
		}
	}
	if got := CommandLineFull.line("/usr/bin/node", []string{"npm run dev"}); got != "npm run dev" {
		t.Errorf("a title is %s", got)
	}
	if got := CommandLineFull.line("/opt/my app", []string{"/opt/my app"}); got != "'/opt/my app'" {
		t.Errorf("a path is %s", got)
	}
	if got := CommandLineFull.line("", nil); got != "" {
		t.Errorf("the kernel's own is %s", got)
	}
}

func TestCommandLineIsCut(t *testing.T) {
	for n := range utf8.UTFMax {
		long := strings.Repeat("x", n) + strings.Repeat("€", flow.CommandLineMax)
		for _, args := range [][]string{{long}, {long, "y"}, strings.SplitAfter(long, "€")} {
			got := CommandLineFull.line("", args)
			if len(got) > flow.CommandLineMax || len(got) < flow.CommandLineMax-2 || !utf8.ValidString(got) {
				t.Errorf("%d bytes, valid %t", len(got), utf8.ValidString(got))
			}
		}
	}
	if got := CommandLineFull.line("", []string{strings.Repeat("\x80", 2*flow.CommandLineMax)}); len(got) < flow.CommandLineMax-4 {
		t.Errorf("%d bytes of what is no text", len(got))
	}
}

// A shell reads the line as the arguments that it was written from.
func TestCommandLineCanBePasted(t *testing.T) {
	sh := testkit.Program(t, "sh")
	args := []string{"printf", `%s\0`, "a b", "", "it's", `"$HOME" \ *`, "~", "#x", "a\nb\tc", "über", "!x", "{a,b}", "a=b", "%"}
	out, err := exec.Command(sh, "-c", CommandLineFull.line("", args)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(args[2:], strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")); diff != "" {
		t.Error(diff)
	}
}

func TestSplitArguments(t *testing.T) {
	for _, tc := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{"\x00", nil},
		{"a", []string{"a"}},
		{"a\x00b c\x00", []string{"a", "b c"}},
		{"a\x00\x00", []string{"a", ""}},
		{"postgres: idle \x00\x00\x00\x00", []string{"postgres: idle"}},
		{"node server.js", []string{"node server.js"}},
	} {
		if diff := cmp.Diff(tc.want, splitArguments([]byte(tc.line))); diff != "" {
			t.Errorf("%q: %s", tc.line, diff)
		}
	}
}
