//go:build !linux

package origin

// leads says whether there is anything to go by.
func (s *seek) leads() bool { return s.lead.Local.IsValid() }
