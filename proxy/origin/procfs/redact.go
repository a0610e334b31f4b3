package procfs

import (
	"path"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// hidden stands where something was taken out.
const hidden = "***"

// redact takes out of a command line what looks like a secret: the passwords of addresses, what follows an option or a
// name that sounds like a secret's, and what the clients of databases and others take as one. It errs on the side of
// hiding: what it cannot tell apart goes. exe is what runs, which the first argument may not say.
func redact(exe string, args []string) []string {
	args = args[:min(len(args), flow.CommandLineMax)] // no more are ever shown
	if len(args) == 1 && strings.Contains(args[0], " ") {
		args = append([]string{exe}, args...) // a title: a command line in one argument
		return new(redaction).words(args)[1:]
	}
	r := new(redaction)
	r.meet(exe)
	return r.words(args)
}

// redaction goes through the words of a command line. One command may start another ("docker exec db mysql -psecret"),
// so that each program that was named counts until the end.
type redaction struct {
	met    []string
	habits []habit
	// closed says that all that follows is secret.
	closed bool
}

// meet remembers a program's habits, when word is the name of one that has some.
func (r *redaction) meet(word string) {
	if word == "" {
		return
	}
	base := strings.ToLower(path.Base(strings.TrimSuffix(strings.Trim(word, `"'`), " (deleted)")))
	base = withoutVersion(strings.TrimSuffix(base, ".exe"))
	if h := habitOf(base); h.any() && !slices.Contains(r.met, base) {
		r.met, r.habits = append(r.met, base), append(r.habits, h)
	}
}

func (r *redaction) words(args []string) []string {
	clean := make([]string, len(args))
	after := nothing // what the word before says of this one
	for i, arg := range args {
		if arg != "" && strings.Trim(arg, "=:") == "" { // between a name and its value
			clean[i] = arg
			continue
		}
		value := after == secret || r.closed
		switch {
		case value:
			clean[i] = hidden
		case after == account:
			clean[i] = redactAccount(arg)
		default:
			clean[i] = r.word(arg, i == 0)
		}
		after = nothing
		if i > 0 && !value || strings.HasPrefix(arg, "-") {
			after = r.announces(arg)
			r.closed = r.closed || r.closes(arg)
		}
		r.meet(arg)
	}
	return clean
}

// word hides what is secret in one argument.
func (r *redaction) word(arg string, first bool) string {
	if r.any(func(h habit) bool { return h.slashed }) && !first && strings.Contains(arg, "/") {
		return hidden // sqlplus scott/tiger@db
	}
	if kept, ok := r.gluedValue(arg); ok {
		return kept + hidden
	}
	clean := redactAccountFlag(redactText(arg))
	if strings.ContainsAny(clean, " \t\n") && !first && r.speaksOfSecrets(clean) {
		return hidden
	}
	return clean
}

// speaksOfSecrets says whether a text, read as a command line, would have something to hide: what stands behind a
// shell's -c may be any number of commands.
func (r *redaction) speaksOfSecrets(text string) bool {
	for _, separators := range []string{" \t\n;|&()`", " \t\n;|&()`'\"{}[]," /* commands in quotes, or in a list */} {
		words := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(separators, c) })
		words = append([]string{""}, words...) // none of them is the program of the process
		inner := redaction{met: slices.Clone(r.met), habits: slices.Clone(r.habits)}
		if !slices.Equal(inner.words(words), words) {
			return true
		}
	}
	return false
}

// value is what is known of a word before it is read.
type value uint8

const (
	nothing value = iota
	secret
	account // "user:password"
)

// announces says what the word behind arg is. An option's name need not be one that takes a value: "--password" of psql
// takes none, and that of others anything, also what looks like an option.
func (r *redaction) announces(arg string) value {
	name := strings.TrimRight(arg, "=: ")
	flag := strings.TrimLeft(name, "-")
	switch {
	case flag == "" || strings.ContainsAny(name, "=: \t\n"):
		return nothing
	case flag == name:
		if soundsSecret(name) && !strings.ContainsAny(name, "./") {
			return secret // "aws configure set aws_secret_access_key X"
		}
		return nothing
	case soundsSecret(flag):
		return secret
	case isAccountFlag(flag):
		if r.any(func(h habit) bool { return h.whole }) {
			return secret
		}
		return account
	case !strings.HasPrefix(arg, "--") && r.letterTakesNext(flag):
		return secret
	}
	return nothing
}

func isAccountFlag(flag string) bool {
	return slices.Contains([]string{"u", "U", "user", "username", "userpass", "proxy-user", "login"}, flag)
}

// redactAccountFlag is redactAccount for "--user=name:password".
func redactAccountFlag(arg string) string {
	name, rest, ok := strings.Cut(arg, "=")
	if ok && strings.HasPrefix(name, "-") && isAccountFlag(strings.TrimLeft(name, "-")) {
		return name + "=" + redactAccount(rest)
	}
	return arg
}

// redactAccount hides the password of "user:password" and "user%password"; where that is empty the user may be a token.
func redactAccount(s string) string {
	at := strings.IndexAny(s, ":%")
	switch {
	case at < 0:
		return s
	case strings.HasPrefix(s[at:], "://"):
		return redactText(s)
	case at == len(s)-1:
		return hidden
	default:
		return s[:at+1] + hidden
	}
}
