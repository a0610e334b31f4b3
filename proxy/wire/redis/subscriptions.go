package redis

// confirm takes one of the messages that answer a subscription.
func (t *talk) confirm(h *asked, a *reply) meaning {
	if h.left == 0 {
		h.left = int64(h.args - 1)
		if h.left <= 0 { // UNSUBSCRIBE from all
			h.left = max(1, t.subscriptions(h.name[0]))
		}
	}
	t.subscribed(a)
	if h.left--; h.left == 0 {
		return answers
	}
	return confirms
}

// subscriptions is how many of a kind there are: those of UNSUBSCRIBE, PUNSUBSCRIBE and SUNSUBSCRIBE.
func (t *talk) subscriptions(letter byte) int64 {
	switch letter {
	case 'P':
		return t.patterns
	case 'S':
		return t.shard
	}
	return t.channels
}

// subscribed counts subscriptions by what the server says of them.
func (t *talk) subscribed(a *reply) {
	if !confirmation(a.first) {
		return
	}
	change := a.number - t.total
	switch a.first[0] {
	case 'p':
		t.patterns, t.total = max(0, t.patterns+change), a.number
	case 's':
		if a.first[1] == 's' || a.first[2] == 'n' { // ssubscribe, sunsubscribe; not subscribe
			t.shard = a.number
			return
		}
		fallthrough
	default:
		t.channels, t.total = max(0, t.channels+change), a.number
	}
}

// confirmation says whether a message's first word is that of the answer to a subscription.
func confirmation(w []byte) bool {
	switch string(w) {
	case "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe":
		return true
	}
	return false
}

// message says whether a list's first word is that of a published message.
func message(w []byte) bool {
	switch string(w) {
	case "message", "pmessage", "smessage":
		return true
	}
	return false
}
