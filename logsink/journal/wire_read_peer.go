package journal

func (w *wireAddress) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		w.member(s)
	}
}

func (w *wireAddress) member(s *scanner) {
	switch s.key {
	case "address":
		w.Address = s.word()
	case "port":
		w.Port = number[uint16](s)
	default:
		s.unknown()
	}
}

func (w *wireNetwork) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "transport":
			w.Transport = s.word()
		case "peer":
			w.Peer.set().read(s)
		case "local":
			w.Local.set().read(s)
		default:
			s.unknown()
		}
	}
}

func (w *wireHeader) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "version":
			w.Version = number[uint8](s)
		case "server":
			w.Server.set().read(s)
		default:
			s.unknown()
		}
	}
}

func (w *wireFront) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "address":
			w.Address = s.word()
		case "port":
			w.Port = number[uint16](s)
		case "path":
			w.Path = s.text()
		case "path_base64":
			w.PathRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireEndpoint) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		w.member(s)
	}
}

func (w *wireEndpoint) member(s *scanner) {
	switch s.key {
	case "address":
		w.Address = s.text()
	case "address_base64":
		w.AddressRaw = s.raw()
	case "port":
		w.Port = number[uint16](s)
	default:
		s.unknown()
	}
}

func (w *wireServer) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "configured":
			w.Configured.set().read(s)
		default:
			w.member(s)
		}
	}
}
