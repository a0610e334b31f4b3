package procfs

import (
	"path"
	"slices"
	"strings"
)

// programOf is what a person calls a process, from its executable (empty when it may not be read), the name of its main
// thread and its arguments. All three are what the process says or was given: a name for people, and no proof.
func programOf(exe, comm string, args []string) string {
	name := nameOf(exe, comm, args)
	if title, ok := titleOf(comm, args); ok {
		return title
	}
	kind, g := interpreterOf(name)
	if g == nil {
		return name
	}
	subject, script := g.subject(args)
	first, _, _ := strings.Cut(subject, " ")
	switch {
	case subject == "" && kind == "":
		return name
	case subject == "":
		return kind
	case kind == "", slices.Contains(g.runners, first), script && command(subject, comm):
		return subject
	default:
		return kind + " " + subject
	}
}

// nameOf is the name of what runs, without what it runs.
func nameOf(exe, comm string, args []string) string {
	typed := ""
	if len(args) > 0 {
		typed = strings.TrimPrefix(path.Base(args[0]), "-") // a login shell's begins with a dash
	}
	file := fileName(exe)
	switch {
	case typed != "" && typed != "." && begins(typed, comm):
		return unwrapped(typed) // busybox's applets and other links have their own names
	case file != "":
		return unwrapped(file) // and not comm, in which threads write what they do
	case typed != "" && len(args) > 1 && !strings.Contains(typed, " "):
		return unwrapped(typed)
	case comm != "":
		return comm
	default:
		return typed
	}
}

// fileName is the name of an executable; empty when its path says nothing.
func fileName(exe string) string {
	exe = strings.TrimSuffix(exe, " (deleted)")
	if exe == "" || strings.HasPrefix(exe, "/memfd:") || strings.HasPrefix(exe, "/proc/") {
		return ""
	}
	base := path.Base(exe)
	if base == "AppRun" { // an AppImage is mounted at .mount_, its name's beginning and six random letters
		if _, mount, ok := strings.Cut(path.Base(path.Dir(exe)), ".mount_"); ok && len(mount) > 6 {
			return mount[:len(mount)-6]
		}
	}
	return base
}

// unwrapped is foo of .foo-wrapped, as NixOS calls a program behind a script of its name.
func unwrapped(name string) string {
	if inner, ok := strings.CutSuffix(name, "-wrapped"); ok && strings.HasPrefix(inner, ".") {
		return inner[1:]
	}
	return name
}

// begins says whether name is what a thread's name is the beginning of: the kernel keeps 15 bytes.
func begins(name, comm string) bool {
	const kept = 15 // TASK_COMM_LEN without the terminating zero
	return comm != "" && (name == comm || len(comm) == kept && strings.HasPrefix(name, comm))
}

// titleOf reads a title that the process wrote over its arguments: "postgres: app db 127.0.0.1(5) idle" is postgres,
// "puma 6.4 (tcp://0.0.0.0:3000)" is puma, and "npm run dev" is that. No more is taken
// of it, since the rest may hold anything.
func titleOf(comm string, args []string) (string, bool) {
	if len(args) != 1 || !strings.Contains(args[0], " ") {
		return "", false
	}
	words := strings.Fields(args[0])
	if len(words) == 0 {
		return "", false
	}
	first, titled := strings.CutSuffix(strings.TrimLeft(path.Base(words[0]), "["), ":")
	thread, _, _ := strings.Cut(comm, " ")
	switch {
	case !simpleName(first) || strings.ContainsAny(first, ":@"):
		return "", false
	case isRunner(first):
		return strings.Join(plainWords(words, 3), " "), true
	default:
		return first, titled || begins(first, thread)
	}
}

func isRunner(name string) bool {
	return name == "npm" || name == "npx" || name == "yarn" || name == "pnpm"
}

// plainWords are at most n words up to the first that is an option, or that is no simple name.
func plainWords(words []string, n int) []string {
	for i, word := range words {
		if i == n || i > 0 && !simpleName(word) {
			return words[:i]
		}
	}
	return words
}

func simpleName(s string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x80 && !strings.ContainsRune("-._/:@", r) &&
			(r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// command says whether a script was started by its own name, as "gunicorn" or "pip" are: then the kernel calls the
// process so. A name with an ending is a script all the same.
func command(script, comm string) bool {
	return begins(script, comm) && path.Ext(script) == ""
}

// withoutVersion is the name in "python3.11", "perl5.36.0", "ruby3.1", "lua5.4", "nodejs-20" and "python3-dbg".
func withoutVersion(name string) string {
	bare := strings.TrimRight(strings.TrimSuffix(name, "-dbg"), "0123456789.")
	if bare = strings.TrimSuffix(bare, "-"); bare != "" {
		return bare
	}
	return name
}
