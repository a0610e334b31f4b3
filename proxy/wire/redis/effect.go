package redis

// effect is called with the head and its answer, before it is forgotten: what it changed of the session holds for what
// follows.
func (t *talk) effect(h *asked, a *reply) {
	failed := a.failed()
	if t.transaction == inTransaction || t.transaction == failedTransaction {
		t.within(h, a, failed)
		return
	}
	if failed {
		return
	}
	switch h.verb {
	case verbMulti:
		t.transaction, t.queued = inTransaction, t.queued[:0]
	case verbReset:
		t.reset()
	case verbMonitor:
		t.monitoring = true
	}
	if h.change != nil {
		t.apply(*h.change)
	}
}

// The states of a session as [flow.Operation] calls them.
const (
	idleTransaction   = "idle"
	inTransaction     = "active"
	failedTransaction = "failed"
)

// within is effect between MULTI and EXEC.
func (t *talk) within(h *asked, a *reply, failed bool) {
	switch {
	case h.verb == verbExec || h.verb == verbDiscard:
		t.transaction = idleTransaction
		if h.verb == verbExec && !failed && !a.null {
			for _, n := range t.queued {
				t.apply(n)
			}
		}
		t.queued = t.queued[:0]
	case h.verb == verbReset && !failed:
		t.reset()
	case failed && h.verb != verbMulti: // MULTI within MULTI changes nothing
		t.transaction = failedTransaction
	case h.change != nil && len(t.queued) < outstandingMax:
		t.queued = append(t.queued, *h.change)
	}
}

func (t *talk) apply(n notes) {
	if n.database != "" {
		t.database = n.database
	}
	if n.login {
		t.user, t.login = n.user, true
	}
	if n.label != "" {
		t.label = n.label
	}
}

// reset is what RESET does, of which the answer is told with the state behind it.
func (t *talk) reset() {
	t.transaction, t.queued = idleTransaction, nil
	t.channels, t.patterns, t.total, t.shard = 0, 0, 0, 0
	t.monitoring = false
	t.database, t.user, t.label, t.login = "0", "", "", false
}
