package operations

// Wanted says whether somebody wants to know of the operations of a service: the journal, or who follows it. Where
// nobody does, its sessions need not be read.
func (l *Log) Wanted(service string) bool {
	return l.settings.Load().Record != Off || l.out.wanted(service)
}

func (s *followers) wanted(service string) bool {
	if !s.any.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.list {
		if f.service == "" || f.service == service {
			return true
		}
	}
	return false
}
