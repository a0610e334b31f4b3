package procfs

import (
	"slices"
	"strings"
)

// habit is how a program takes secrets, where that is not plain from an option's name.
type habit struct {
	// glued are the letters with a secret as the rest of the word, "-psecret"; next those with the next word as one.
	glued, next string
	// values are the letters with another value, so that what follows them in a word are no letters.
	values string
	// whole says that the value of -u is secret with the user's name: "curl -u KEY:".
	whole bool
	// slashed says that "user/password@database" is an account.
	slashed bool
	// commands are words behind which everything is secret.
	commands []string
}

func (h habit) any() bool {
	return h.glued != "" || h.next != "" || h.whole || h.slashed || len(h.commands) > 0
}

func habitOf(program string) habit {
	switch program {
	case "curl":
		return habit{glued: "uUbE", next: "uUbE", values: "AcCdDeFhHKmoPQrtTwxXyYz", whole: true}
	case "wget", "http", "https", "xh":
		return habit{glued: "a", next: "a", whole: true}
	case "redis-cli", "valkey-cli", "keydb-cli", "redis-benchmark", "valkey-benchmark", "memtier_benchmark":
		return habit{glued: "a", next: "a", values: "hpsnucrdtkPi", commands: []string{"auth", "hello", "acl", "migrate"}}
	case "sshpass", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "mongostat", "mongotop",
		"cqlsh", "cypher-shell", "rabbitmqadmin", "docker", "podman", "nerdctl", "helm", "influx":
		return habit{glued: "p", next: "p", values: "dhuefoqtvwHU"}
	case "sqlcmd", "bcp", "tsql", "osql", "isql", "zip", "unzip", "ssh-keygen", "ipmitool",
		"mosquitto_pub", "mosquitto_sub": //nolint:misspell // they are called so
		return habit{glued: "PN", next: "PN", values: "SUdDioctfbCh"}
	case "7z", "7za", "7zr", "7zz":
		return habit{glued: "p"}
	case "snmpget", "snmpwalk", "snmpset", "snmpbulkwalk":
		return habit{glued: "AXc", next: "AXc", values: "valunxr"}
	case "openssl":
		return habit{next: "kK"}
	case "sqlplus", "sqlldr", "expdp", "impdp", "exp", "imp", "rman", "sql", "sqlcl":
		return habit{slashed: true}
	case "vault", "bao":
		return habit{commands: []string{"login", "put", "write", "unwrap", "unseal", "patch"}}
	case "mc", "mcli":
		return habit{commands: []string{"alias", "config"}}
	case "htpasswd", "smbclient", "rpcclient":
		return habit{commands: []string{"-b", "-nb", "-bn", "-cb", "-bc", "-bb", "-nbb", "-cbb", "-bbn", "-bbc", "-bnbc"}}
	}
	if strings.HasPrefix(program, "ldap") {
		return habit{glued: "w", next: "w", values: "DHbhpsUfdYXRyo"}
	}
	for _, prefix := range []string{"mysql", "mariadb", "mycli", "mytop", "xtrabackup", "mydump", "myloader"} {
		if strings.HasPrefix(program, prefix) {
			return habit{glued: "p", next: "p", values: "hueDPSTeBRrWdlJj"}
		}
	}
	return habit{}
}

// gluedValue finds the secret behind a letter, "-psecret" or "-vpsecret"; kept is what stands before it.
func (r *redaction) gluedValue(arg string) (kept string, ok bool) {
	if len(arg) < 3 || arg[0] != '-' || arg[1] == '-' {
		return "", false
	}
	for _, h := range r.habits {
		if at := h.letter(arg[1:], h.glued); at >= 0 && at+2 < len(arg) {
			return arg[:at+2], true
		}
	}
	return "", false
}

// letterTakesNext says whether the last letter behind a dash has the next word as its secret.
func (r *redaction) letterTakesNext(letters string) bool {
	return r.any(func(h habit) bool {
		at := h.letter(letters, h.next)
		return at >= 0 && at == len(letters)-1
	})
}

// letter is where the first of the wanted letters stands in a group, before one that has another value; -1 for nowhere.
func (h habit) letter(group, wanted string) int {
	for i := range len(group) {
		switch letter := group[i : i+1]; {
		case strings.Contains(wanted, letter):
			return i
		case strings.Contains(h.values, letter):
			return -1
		}
	}
	return -1
}

// closes says whether everything behind a word is secret.
func (r *redaction) closes(word string) bool {
	word = strings.ToLower(strings.Trim(word, `"'`))
	return r.any(func(h habit) bool { return slices.Contains(h.commands, word) })
}

func (r *redaction) any(is func(habit) bool) bool { return slices.ContainsFunc(r.habits, is) }
