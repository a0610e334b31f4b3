package policy

// End ends one temporary recording. It is no error when it has ended before.
func (t *Table) End(r *Recording) { t.remove(func(other *Recording) bool { return other == r }) }
