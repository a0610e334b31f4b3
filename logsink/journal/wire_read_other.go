package journal

func (w *wireRule) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "name":
			w.Name = s.text()
		case "name_base64":
			w.NameRaw = s.raw()
		case "action":
			w.Action = s.word()
		case "cause":
			w.Cause = s.word()
		case "reason":
			w.Reason = s.text()
		case "reason_base64":
			w.ReasonRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireError) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "type":
			w.Type = s.text()
		case "type_base64":
			w.TypeRaw = s.raw()
		case "message":
			w.Message = s.text()
		case "message_base64":
			w.MessageRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireTCP) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "client":
			w.Client.set().read(s)
		case "backend":
			w.Backend.set().read(s)
		default:
			s.unknown()
		}
	}
}

func (w *wireTCPInfo) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "rtt_ns":
			w.RTT = signed[int64](s)
		case "retransmits":
			w.Retransmits = number[uint32](s)
		case "unsent_bytes":
			w.Unsent = number[uint32](s)
		case "unread_bytes":
			w.Unread = number[uint32](s)
		default:
			s.unknown()
		}
	}
}

func (w *wireRefused) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "count":
			w.Count = number[uint64](s)
		case "distinct":
			w.Distinct = number[uint64](s)
		case "distinct_capped":
			w.DistinctCapped = s.flag()
		case "tripwire":
			w.Tripwire = s.flag()
		case "sample":
			w.Sample = s.words()
		default:
			s.unknown()
		}
	}
}

func (w *wireAlert) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "id":
			w.ID = s.text()
		case "condition":
			w.Condition = s.text()
		case "condition_base64":
			w.ConditionRaw = s.raw()
		case "severity":
			w.Severity = s.word()
		case "zone":
			w.Zone = s.word()
		case "count":
			w.Count = number[uint64](s)
		case "first":
			w.First = s.time()
		case "last":
			w.Last = s.time()
		case "repeat":
			w.Repeat = s.flag()
		case "observed":
			w.Observed = s.flag()
		case "resolved":
			w.Resolved = s.flag()
		case "silenced":
			w.Silenced = s.flag()
		case "message":
			w.Message = s.text()
		case "message_base64":
			w.MessageRaw = s.raw()
		case "sample":
			w.Sample = s.words()
		case "forwarder":
			w.Forwarder = s.text()
		case "forwarder_base64":
			w.ForwarderRaw = s.raw()
		case "program":
			w.Program = s.text()
		case "program_base64":
			w.ProgramRaw = s.raw()
		case "by":
			w.By = s.labels()
		default:
			s.unknown()
		}
	}
}

func (w *wireConfig) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "hash":
			w.Hash = s.text()
		case "hash_base64":
			w.HashRaw = s.raw()
		case "source":
			w.Source = s.text()
		case "source_base64":
			w.SourceRaw = s.raw()
		case "error":
			w.Error = s.text()
		case "error_base64":
			w.ErrorRaw = s.raw()
		default:
			w.member(s)
		}
	}
}

func (w *wireJournal) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "id":
			w.ID = s.text()
		case "epoch":
			w.Epoch = s.text()
		case "version":
			w.Version = s.text()
		case "version_base64":
			w.VersionRaw = s.raw()
		case "pid":
			w.PID = signed[int](s)
		case "segment":
			w.Segment = s.text()
		case "segment_base64":
			w.SegmentRaw = s.raw()
		case "first":
			w.First = number[uint64](s)
		case "last":
			w.Last = number[uint64](s)
		case "head":
			w.Head = s.text()
		case "count":
			w.Count = number[uint64](s)
		case "bytes":
			w.Bytes = number[uint64](s)
		case "reason":
			w.Reason = s.text()
		case "reason_base64":
			w.ReasonRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireServices) member(s *scanner) {
	switch s.key {
	case "services":
		w.Services = s.texts()
	case "services_base64":
		w.ServicesRaw = s.raws()
	default:
		s.unknown()
	}
}

func (w *wireHost) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "name":
			w.Name = s.text()
		case "name_base64":
			w.NameRaw = s.raw()
		case "id":
			w.ID = s.text()
		case "id_base64":
			w.IDRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireBeat) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "open":
			w.Open = number[uint64](s)
		case "sessions":
			w.Sessions = number[uint64](s)
		case "refused":
			w.Refused = number[uint64](s)
		case "dropped":
			w.Dropped = number[uint64](s)
		case "uptime_ns":
			w.Uptime = signed[int64](s)
		case "without":
			w.Without = s.texts()
		case "without_base64":
			w.WithoutRaw = s.raws()
		case "config_hash":
			w.Config = s.text()
		case "config_hash_base64":
			w.ConfigRaw = s.raw()
		default:
			w.member(s)
		}
	}
}
