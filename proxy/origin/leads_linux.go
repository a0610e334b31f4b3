package origin

// leads says whether there is anything to go by.
func (s *seek) leads() bool { return s.lead.Inode != 0 || s.lead.PIDFD != 0 }
