package journal

func (w *wireOrigin) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "zone":
			w.Zone = s.word()
		case "proof":
			w.Proof = s.word()
		case "interface":
			w.Interface = s.text()
		case "interface_base64":
			w.InterfaceRaw = s.raw()
		case "client_zone":
			w.ClientZone = s.word()
		case "attribution":
			*w.Attribution.set() = s.word()
		case "program":
			w.Program = s.text()
		case "program_base64":
			w.ProgramRaw = s.raw()
		case "forwarder":
			w.Forwarder.set().read(s)
		case "held_by":
			w.readHolders(s)
		case "held_by_omitted":
			w.HeldByOmitted = number[uint64](s)
		default:
			s.unknown()
		}
	}
}

func (w *wireForwarder) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "name":
			w.Name = s.text()
		case "name_base64":
			w.NameRaw = s.raw()
		case "pid":
			w.PID = signed[int](s)
		case "own":
			w.Own = s.flag()
		case "zone":
			w.Zone = s.word()
		case "reason":
			w.Reason = s.text()
		case "reason_base64":
			w.ReasonRaw = s.raw()
		default:
			w.member(s)
		}
	}
}

func (w *wireHolder) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "user":
			w.User.set().read(s)
		default:
			w.member(s)
		}
	}
}

func (w *wireAncestor) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		w.member(s)
	}
}

func (w *wireAncestor) member(s *scanner) {
	switch s.key {
	case "pid":
		w.PID = signed[int](s)
	case "program":
		w.Program = s.text()
	case "program_base64":
		w.ProgramRaw = s.raw()
	default:
		s.unknown()
	}
}

func (w *wireProcess) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "pid":
			w.PID = signed[int](s)
		case "user":
			w.User.set().read(s)
		case "effective_user":
			w.EffectiveUser.set().read(s)
		case "executable":
			w.Executable.set().read(s)
		case "creation":
			w.Creation.set().read(s)
		case "command_line":
			w.CommandLine = s.text()
		case "command_line_base64":
			w.CommandLineRaw = s.raw()
		case "working_directory":
			w.WorkingDirectory = s.text()
		case "working_directory_base64":
			w.WorkingDirectoryRaw = s.raw()
		case "parents":
			w.readParents(s)
		case "linux":
			w.Linux.set().read(s)
		case "unit":
			w.Unit = s.text()
		case "unit_base64":
			w.UnitRaw = s.raw()
		case "session_leader":
			w.SessionLeader.set().read(s)
		case "tty":
			w.TTY = s.text()
		case "tty_base64":
			w.TTYRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireUser) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "id":
			w.ID = number[uint32](s)
		case "name":
			w.Name = s.text()
		case "name_base64":
			w.NameRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireExecutable) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "path":
			w.Path = s.text()
		case "path_base64":
			w.PathRaw = s.raw()
		case "device":
			w.Device = number[uint64](s)
		case "inode":
			w.Inode = number[uint64](s)
		case "deleted":
			w.Deleted = s.flag()
		default:
			s.unknown()
		}
	}
}

func (w *wireCreation) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "time":
			w.Time = s.time()
		default:
			s.unknown()
		}
	}
}

func (w *wireLinux) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "cgroup":
			w.Cgroup = s.text()
		case "cgroup_base64":
			w.CgroupRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireLeader) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "pid":
			w.PID = signed[int](s)
		default:
			s.unknown()
		}
	}
}

func (w *wireContainer) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "id":
			w.ID = s.text()
		case "id_base64":
			w.IDRaw = s.raw()
		case "runtime":
			w.Runtime.set().read(s)
		default:
			s.unknown()
		}
	}
}

func (w *wireRuntime) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "name":
			w.Name = s.text()
		case "name_base64":
			w.NameRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

// readHolders reads a list; it comes once.
func (w *wireOrigin) readHolders(s *scanner) {
	again := w.HeldBy != nil
	w.HeldBy = []wireHolder{}
	for more := s.list(again); more; more = s.item() {
		var h wireHolder
		h.read(s)
		w.HeldBy = append(w.HeldBy, h)
	}
}

// readParents reads a list; it comes once.
func (w *wireProcess) readParents(s *scanner) {
	again := w.Parents != nil
	w.Parents = []wireAncestor{}
	for more := s.list(again); more; more = s.item() {
		var a wireAncestor
		a.read(s)
		w.Parents = append(w.Parents, a)
	}
}
