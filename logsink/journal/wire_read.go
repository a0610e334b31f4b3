package journal

// Each object on the wire reads its members off a scanner. Their keys are those in the tags of the wire types.

func (w *wireRecord) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		w.member(s)
	}
}

func (w *wireRecord) member(s *scanner) {
	switch s.key {
	case "seq":
		w.Seq = number[uint64](s)
	case "time":
		w.Time = s.time()
	case "event":
		w.Event = s.word()
	case "service":
		w.Service.set().read(s)
	case "session":
		w.Session.set().read(s)
	case "network":
		w.Network.set().read(s)
	case "client":
		w.Client.set().read(s)
	case "server":
		w.Server.set().read(s)
	case "origin":
		w.Origin.set().read(s)
	case "process":
		w.Process.set().read(s)
	case "rule":
		w.Rule.set().read(s)
	case "chain":
		w.Chain = s.word()
	default:
		w.rare(s)
	}
}

// rare takes the members that few records have.
func (w *wireRecord) rare(s *scanner) {
	switch s.key {
	case "proxy_protocol":
		w.Header.set().read(s)
	case "front":
		w.Front.set().read(s)
	case "container":
		w.Container.set().read(s)
	case "error":
		w.Error.set().read(s)
	case "tcp":
		w.TCP.set().read(s)
	case "refused":
		w.Refused.set().read(s)
	case "alert":
		w.Alert.set().read(s)
	case "config":
		w.Config.set().read(s)
	case "journal":
		w.Journal.set().read(s)
	case "host":
		w.Host.set().read(s)
	case "heartbeat":
		w.Beat.set().read(s)
	default:
		w.operations(s)
	}
}

func (w *wireName) read(s *scanner) {
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

func (w *wireSession) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "id":
			w.ID = s.word()
		case "bytes_from_client":
			*w.BytesFromClient.set() = number[uint64](s)
		case "bytes_from_backend":
			w.BytesFromBackend = number[uint64](s)
		case "duration_ns":
			w.Duration = signed[int64](s)
		case "dial_ns":
			w.Dial = signed[int64](s)
		case "first_byte_ns":
			w.FirstByte = signed[int64](s)
		case "lane":
			w.Lane = s.text()
		case "lane_base64":
			w.LaneRaw = s.raw()
		case "tapped":
			w.Tapped = s.flag()
		case "recorded":
			w.Recorded = s.flag()
		case "tap_kept":
			*w.TapKept.set() = number[uint64](s)
		case "tap_skipped":
			w.TapSkipped = number[uint64](s)
		case "end":
			*w.End.set() = s.word()
		case "ended_by":
			w.EndedBy = s.word()
		case "detail":
			w.Detail = s.text()
		case "detail_base64":
			w.DetailRaw = s.raw()
		default:
			s.unknown()
		}
	}
}
