package redis

import "bytes"

// class says what of an argument may be kept.
type class uint8

const (
	open    class = iota // all of it
	hidden               // nothing
	aclRule              // of a rule of ACL SETUSER, all but passwords and their hashes
)

// judge reads a command and says which of its arguments are secrets.
type judge struct {
	request
	authentication, parameters bool
	named                      bool // the argument before is the name of a secret
	migrate                    option
	unseen                     bool // what says which arguments are secrets did not come whole
}

// restart makes ready for another command.
func (j *judge) restart() {
	j.reset()
	j.named, j.migrate, j.unseen = false, optionNone, false
}

// class judges the argument that begins now, of n of the command; n is -1 when nobody said how many there will be.
func (j *judge) class(n int) class {
	if j.authentication {
		switch {
		case j.unseen:
			return hidden
		case j.verb == verbACL && string(j.sub) == "SETUSER" && j.args > 2:
			return aclRule
		case j.secret(j.args, n):
			return hidden
		}
	}
	if j.parameters && j.data() {
		return hidden
	}
	return open
}

func (j *judge) secret(i, n int) bool {
	last := i == n-1 || n < 0 // what should be a user ahead of a password may be the password
	switch j.verb {
	case verbAuth:
		return i > 0 && (i != 1 || n != 3)
	case verbHello:
		return j.option == optionPassword || j.option == optionUser && last
	case verbMigrate:
		return j.migrate == optionPassword || j.migrate == optionUser && last
	case verbACL:
		return string(j.sub) == "DRYRUN" && i > 3
	case verbCommand:
		return bytes.HasPrefix(j.sub, []byte("GETKEYS")) && i > 2
	case verbConfig:
		return j.named && i%2 == 1
	case verbSentinel, verbModule:
		return j.named
	}
	return false
}

// data says whether the argument that begins now is a key or a value.
func (j *judge) data() bool {
	switch {
	case j.args == 0, j.args == 1 && container(j.name):
		return false
	case j.verb == verbOther, j.verb == verbScript, j.verb == verbMigrate, j.verb == verbSubscribe, j.verb == verbUnsubscribe:
		return true
	}
	return false
}

// missed says that bytes of the argument that is being read were not seen.
func (j *judge) missed() { j.unseen = j.unseen || j.args < 2 || j.verb != verbOther }

// took takes the argument, of which w is the beginning, once it is whole.
func (j *judge) took(w []byte) {
	i := j.args
	switch j.verb {
	case verbConfig, verbSentinel, verbModule:
		j.named = secretName(w)
	case verbMigrate:
		if i > 5 {
			j.migrateOption(w)
		}
	}
	j.argument(w)
}

// migrateOption reads MIGRATE's [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key...].
func (j *judge) migrateOption(w []byte) {
	was := j.migrate
	j.migrate = optionNone
	switch {
	case was == optionUser:
		j.migrate = optionPassword
	case was == optionPassword:
	case bytes.EqualFold(w, []byte("AUTH")):
		j.migrate = optionPassword
	case bytes.EqualFold(w, []byte("AUTH2")):
		j.migrate = optionUser
	}
}

// secretName says whether a setting of this name is a password: requirepass, masterauth, tls-key-file-pass, auth-pass
// of a sentinel, and what a module may call its own.
func secretName(w []byte) bool {
	for _, part := range [...]string{"pass", "auth", "secret", "token"} {
		for i := range len(w) - len(part) + 1 {
			if bytes.EqualFold(w[i:i+len(part)], []byte(part)) {
				return true
			}
		}
	}
	return false
}

// cover overwrites a value as it comes.
type cover struct {
	class class
	size  int64 // of the value, -1 when it is not known
	at    int   // how many bytes it had
	stay  bool  // aclRule: the beginning says that it holds no password
	alive uint32
}

const masked = 'x'

// mask overwrites the next bytes.
func (c *cover) mask(b []byte) {
	switch c.class {
	case hidden:
		fill(b)
	case aclRule:
		for i := range b {
			if !c.rule(b[i]) {
				b[i] = masked
			}
			c.at++
		}
	}
}

// rule says whether the next byte of a rule stays.
func (c *cover) rule(b byte) bool {
	if c.at > 0 {
		return c.stay || c.alive != 0 && c.keyword(b)
	}
	switch b {
	case '+', '-', '~', '&', '%', '@', '(':
		c.stay = true
		return true
	case '>', '<', '#', '!':
		return true
	}
	c.alive = ^uint32(0)
	return c.keyword(b)
}

// keyword says whether a keyword can begin with what came, the next byte included.
func (c *cover) keyword(b byte) bool {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	words := aclKeywords()
	c.alive = narrow(c.alive, words[:], c.at, c.size, b)
	return c.alive != 0
}

// narrow keeps of the words whose bits are set those that go on with b at an index, and that have the size; -1 is any.
func narrow(alive uint32, words []string, at int, size int64, b byte) (still uint32) {
	for i, w := range words {
		if alive&(1<<i) != 0 && (size < 0 || int64(len(w)) == size) && at < len(w) && w[at] == b {
			still |= 1 << i
		}
	}
	return still
}

// aclKeywords are the rules of ACL SETUSER that are words.
func aclKeywords() [14]string {
	return [...]string{
		"on", "off", "nopass", "resetpass", "reset", "allkeys", "resetkeys", "allchannels", "resetchannels", "allcommands",
		"nocommands", "clearselectors", "sanitize-payload", "skip-sanitize-payload",
	}
}

func fill(b []byte) {
	for i := range b {
		b[i] = masked
	}
}
