package journal

// operations takes the members that only records of operations have.
func (w *wireRecord) operations(s *scanner) {
	switch s.key {
	case "db":
		w.DB.set().read(s)
	case "http":
		w.HTTP.set().read(s)
	case "url":
		w.URL.set().read(s)
	case "user":
		w.User.set().read(s)
	case "user_agent":
		w.Agent.set().read(s)
	case "operation":
		w.Operation.set().read(s)
	default:
		s.unknown()
	}
}

func (w *wireDB) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "system":
			w.System.set().read(s)
		case "namespace":
			w.Namespace = s.text()
		case "namespace_base64":
			w.NamespaceRaw = s.raw()
		case "operation":
			w.Operation.set().read(s)
		case "query":
			w.Query.set().read(s)
		case "response":
			w.Response.set().read(s)
		default:
			s.unknown()
		}
	}
}

func (w *wireQuery) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "text":
			w.Text = s.text()
		case "text_base64":
			w.TextRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireDBAnswer) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "status_code":
			w.Status = s.text()
		case "status_code_base64":
			w.StatusRaw = s.raw()
		case "returned_rows":
			*w.Rows.set() = number[uint64](s)
		default:
			s.unknown()
		}
	}
}

func (w *wireHTTP) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "request":
			w.Request.set().read(s)
		case "response":
			w.Response.set().read(s)
		default:
			s.unknown()
		}
	}
}

func (w *wireMethod) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "method":
			w.Method = s.text()
		case "method_base64":
			w.MethodRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireHTTPAnswer) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "status_code":
			w.Status = number[uint16](s)
		default:
			s.unknown()
		}
	}
}

func (w *wireURL) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "path":
			w.Path = s.text()
		case "path_base64":
			w.PathRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireAgent) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "original":
			w.Original = s.text()
		case "original_base64":
			w.OriginalRaw = s.raw()
		default:
			s.unknown()
		}
	}
}

func (w *wireOperation) read(s *scanner) {
	for more := s.object(); more; more = s.next() {
		switch s.key {
		case "protocol":
			w.Protocol = s.text()
		case "kind":
			w.Kind = s.text()
		case "fingerprint":
			w.Fingerprint = s.word()
		case "cut":
			w.Cut = s.flag()
		case "failed":
			w.Failed = s.flag()
		case "unfinished":
			w.Unfinished = s.flag()
		case "application":
			w.Application = s.text()
		case "application_base64":
			w.ApplicationRaw = s.raw()
		case "auth":
			w.Auth = s.text()
		case "auth_base64":
			w.AuthRaw = s.raw()
		case "transaction":
			w.Transaction = s.text()
		default:
			w.measure(s)
		}
	}
}

// measure takes what was counted.
func (w *wireOperation) measure(s *scanner) {
	switch s.key {
	case "changed_rows":
		*w.ChangedRows.set() = number[uint64](s)
	case "bytes_from_client":
		w.FromClient = number[uint64](s)
	case "bytes_from_backend":
		w.FromBackend = number[uint64](s)
	case "duration_ns":
		w.Duration = signed[int64](s)
	case "asked_ns":
		w.Asked = signed[int64](s)
	case "first_byte_ns":
		w.FirstByte = signed[int64](s)
	case "last_byte_ns":
		w.LastByte = signed[int64](s)
	default:
		s.unknown()
	}
}
