package redis

import (
	"bytes"
	"strconv"
)

// verb is what a command means for what follows it on the connection, or for what may be kept of it.
type verb uint8

const (
	verbOther verb = iota
	verbAuth
	verbHello
	verbSelect
	verbClientReply
	verbClientSetname
	verbMulti
	verbExec
	verbDiscard
	verbReset
	verbSubscribe
	verbUnsubscribe
	verbMonitor
	verbSync
	verbACL
	verbConfig
	verbSentinel
	verbModule
	verbMigrate
	verbCommand
	verbSlowlog // SLOWLOG, and Valkey's COMMANDLOG
	verbScript  // EVAL and the like, and commands of modules, of which an error can hold anything
	verbConnect // about the connection or the server, not about data
)

// verbOf knows a command by its name in upper case.
func verbOf(name []byte) verb {
	switch string(name) {
	case "AUTH":
		return verbAuth
	case "HELLO":
		return verbHello
	case "SELECT":
		return verbSelect
	case "MULTI":
		return verbMulti
	case "EXEC":
		return verbExec
	case "DISCARD":
		return verbDiscard
	case "RESET":
		return verbReset
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE":
		return verbSubscribe
	case "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE":
		return verbUnsubscribe
	case "MONITOR":
		return verbMonitor
	case "SYNC", "PSYNC":
		return verbSync
	case "ACL":
		return verbACL
	case "CONFIG":
		return verbConfig
	case "SENTINEL":
		return verbSentinel
	case "MODULE":
		return verbModule
	case "MIGRATE":
		return verbMigrate
	case "COMMAND":
		return verbCommand
	case "SLOWLOG", "COMMANDLOG":
		return verbSlowlog
	case "EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO", "SCRIPT", "FUNCTION":
		return verbScript
	case "CLIENT", "QUIT", "REPLCONF", "INFO", "CLUSTER", "READONLY", "READWRITE", "ASKING", "SWAPDB", "WAIT", "WAITAOF",
		"LATENCY", "MEMORY", "DBSIZE", "LASTSAVE", "ROLE", "REPLICAOF", "SLAVEOF", "FAILOVER", "SHUTDOWN", "SAVE", "BGSAVE",
		"BGREWRITEAOF", "TIME", "UNWATCH":
		return verbConnect
	}
	if bytes.IndexByte(name, '.') >= 0 { // of a module: JSON.SET, FT.SEARCH
		return verbScript
	}
	return verbOther
}

// container says whether a command's first argument is the name of what it does.
func container(name []byte) bool {
	switch string(name) {
	case "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE", "OBJECT",
		"PUBSUB", "SCRIPT", "SENTINEL", "SLOWLOG", "XGROUP", "XINFO", "COMMANDLOG":
		return true
	}
	return false
}

// nameMax is how much of a command's name is looked at; no command has a longer one.
const nameMax = 32

// noteMax is how much is kept of a name that a command gives to the session.
const noteMax = 256

// notes are what a command says of the session. They hold once it has succeeded.
type notes struct {
	database    string
	user, label string // label is what the client calls itself
	login       bool
}

// request reads a command, argument for argument.
type request struct {
	verb      verb
	name, sub []byte // in upper case; sub is empty but for a command that has one
	args      int    // how many words there were, the name included
	notes     notes
	off, skip bool // CLIENT REPLY
	option    option
	held      []byte // AUTH's first argument, a user or a password
}

// option says what the next argument of HELLO is.
type option uint8

const (
	optionNone option = iota
	optionUser
	optionPassword
	optionLabel
)

func (r *request) reset() {
	*r = request{name: r.name[:0], sub: r.sub[:0], held: r.held[:0]}
}

// plain says that nothing follows from the command for what comes behind it.
func (r *request) plain() bool {
	switch r.verb {
	case verbClientReply, verbMulti, verbExec, verbDiscard, verbReset, verbSubscribe, verbUnsubscribe, verbMonitor, verbSync:
		return false
	}
	return r.notes == (notes{})
}

// argument takes the next word of a command; w is its beginning.
func (r *request) argument(w []byte) {
	i := r.args
	r.args++
	switch {
	case i == 0:
		r.name = upper(r.name, w)
		r.verb = verbOf(r.name)
	case i == 1 && container(r.name):
		r.sub = upper(r.sub, w)
		if r.verb == verbConnect && string(r.name) == "CLIENT" {
			r.client()
		}
	case r.verb == verbClientReply && i == 2:
		r.off, r.skip = bytes.EqualFold(w, []byte("OFF")), bytes.EqualFold(w, []byte("SKIP"))
	case r.verb == verbClientSetname && i == 2:
		r.notes.label = note(w)
	case r.verb == verbSelect && i == 1:
		if n, err := strconv.ParseUint(string(w), 10, 32); err == nil {
			r.notes.database = strconv.FormatUint(n, 10)
		}
	case r.verb == verbAuth:
		r.auth(i, w)
	case r.verb == verbHello:
		r.hello(i, w)
	}
}

func (r *request) client() {
	switch string(r.sub) {
	case "REPLY":
		r.verb = verbClientReply
	case "SETNAME":
		r.verb = verbClientSetname
	}
}

// auth takes an argument of AUTH [user] password.
func (r *request) auth(i int, w []byte) {
	r.notes.login = true
	switch i {
	case 1: // the user, if another argument follows; otherwise it is the password
		r.notes.user = "default"
		r.held = append(r.held[:0], w[:min(len(w), noteMax)]...)
	case 2:
		r.notes.user = string(r.held)
	}
}

// hello takes an argument of HELLO [version [AUTH user password] [SETNAME name]].
func (r *request) hello(i int, w []byte) {
	was := r.option
	r.option = optionNone
	switch {
	case was == optionUser:
		r.notes.user, r.option = note(w), optionPassword
	case was == optionPassword:
		r.notes.login = true
	case was == optionLabel:
		r.notes.label = note(w)
	case i > 1 && bytes.EqualFold(w, []byte("AUTH")):
		r.option = optionUser
	case i > 1 && bytes.EqualFold(w, []byte("SETNAME")):
		r.option = optionLabel
	}
}

func note(w []byte) string { return string(w[:min(len(w), noteMax)]) }

// upper writes the beginning of w into to, in upper case.
func upper(to, w []byte) []byte {
	to = to[:0]
	for _, c := range w[:min(len(w), nameMax)] {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}
