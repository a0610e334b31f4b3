package replay

import (
	"hash/fnv"
	"slices"
	"strings"
)

func newRedisCommand(words []string) redisCommand {
	name := strings.ToUpper(words[0])
	if len(words) > 1 && redisContainer(name) {
		name += " " + strings.ToUpper(words[1])
	}
	return redisCommand{name: cutText(name, 64), made: name == "XADD" && slices.Contains(words, "*")}
}

// redisContainer says whether a command's first argument is what it does.
func redisContainer(name string) bool {
	switch name {
	case "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE", "OBJECT", "PUBSUB",
		"SCRIPT", "SENTINEL", "SLOWLOG", "XGROUP", "XINFO":
		return true
	}
	return false
}

// redisName is a command without its arguments, as operations are told: of many there is a sign that there were more.
func redisName(name string, words int) string {
	const most = 8
	given := words - 1 - strings.Count(name, " ")
	text := name + strings.Repeat(" ?", max(0, min(given, most)))
	if given > most {
		text += " ..."
	}
	return text
}

// fingerprint is the number by which questions are measured together.
func fingerprint(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64() | 1 // 0 is for what is not measured
}

// redisUnsent says why a command is not played; empty when it is.
func redisUnsent(name string, words []string) string {
	switch name {
	case "AUTH":
		return "the password is not in the recording; sessions log in with the one that is given"
	case "ACL SETUSER", "ACL DELUSER":
		return "it changes who may log in"
	case "CONFIG SET", "SENTINEL SET":
		for _, w := range words[2:] {
			if redisSecret(w) {
				return whySecret
			}
		}
	case "MIGRATE":
		for _, w := range words[1:] {
			if strings.EqualFold(w, "AUTH") || strings.EqualFold(w, "AUTH2") {
				return whySecret
			}
		}
	case "SHUTDOWN", "REPLICAOF", "SLAVEOF", "FAILOVER", "DEBUG SEGFAULT", "DEBUG RESTART", "DEBUG SLEEP":
		return "it would end the service, or make it another's"
	}
	return ""
}

// redisSecret says whether a setting's name is one of a secret.
func redisSecret(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"pass", "auth", "secret", "token"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
