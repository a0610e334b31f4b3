package replay

// The rules by which two answers of Redis may differ, beside those of the same names for PostgreSQL.
const (
	ruleServer = "server"
	ruleCursor = "cursor"
	ruleTTL    = "ttl"
	ruleID     = "id"
)

func redisRules() []Rule {
	return []Rule{
		{ruleTime, "answers to TIME and LASTSAVE", true},
		{ruleServer, "what a server says of itself and of connections (INFO, HELLO, CLIENT ID, CLIENT LIST, MEMORY, OBJECT, SLOWLOG, …)", true},
		{ruleRandom, "answers to RANDOMKEY, SRANDMEMBER, SPOP, HRANDFIELD, ZRANDMEMBER", true},
		{ruleCursor, "answers to SCAN, HSCAN, SSCAN, ZSCAN, whose cursors are a server's own", true},
		{ruleTTL, "how long a key still lives, if it has an end there and here (TTL, PTTL, EXPIRETIME, PEXPIRETIME)", true},
		{ruleID, "ids that a server makes (XADD with *)", true},
		{ruleOrder, "the order of what has none (SMEMBERS, SINTER, SUNION, SDIFF, HGETALL, HKEYS, HVALS, KEYS, CONFIG GET, PUBSUB, sets and maps)", true},
		{ruleMessages, "the texts of errors; their first word is compared", false},
	}
}

// redisReason is the rule by which the answers to a command may differ altogether, or empty. Whether they are errors is
// compared all the same.
func redisReason(c redisCommand) string {
	switch c.name {
	case "TIME", "LASTSAVE":
		return ruleTime
	case "RANDOMKEY", "SRANDMEMBER", "SPOP", "HRANDFIELD", "ZRANDMEMBER":
		return ruleRandom
	case "SCAN", "HSCAN", "SSCAN", "ZSCAN":
		return ruleCursor
	case "INFO", "HELLO", "CLIENT ID", "CLIENT LIST", "CLIENT INFO", "ROLE", "ACL LOG", "ACL GENPASS", "MODULE LIST", "DEBUG OBJECT",
		"COMMAND", "COMMAND DOCS", "COMMAND INFO", "COMMAND LIST", "COMMAND COUNT":
		return ruleServer
	}
	for _, of := range []string{"MEMORY ", "OBJECT ", "LATENCY ", "SLOWLOG ", "CLUSTER "} {
		if len(c.name) > len(of) && c.name[:len(of)] == of {
			return ruleServer
		}
	}
	if c.made {
		return ruleID
	}
	return ""
}

// redisUnordered says whether the elements of an answer have no order, and whether they are pairs.
func redisUnordered(name string) (unordered, pairs bool) {
	switch name {
	case "HGETALL", "CONFIG GET", "PUBSUB NUMSUB", "PUBSUB SHARDNUMSUB":
		return true, true
	case "SMEMBERS", "SINTER", "SUNION", "SDIFF", "HKEYS", "HVALS", "KEYS", "PUBSUB CHANNELS", "PUBSUB SHARDCHANNELS", "ACL LIST", "ACL USERS":
		return true, false
	}
	return false, false
}

// redisLife says whether an answer is how long a key still lives.
func redisLife(name string) bool {
	switch name {
	case "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME":
		return true
	}
	return false
}
