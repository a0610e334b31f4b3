package journal

type wireDB struct {
	System       opt[wireName]     `json:"system"`
	Namespace    string            `json:"namespace"`
	NamespaceRaw []byte            `json:"namespace_base64"`
	Operation    opt[wireName]     `json:"operation"`
	Query        opt[wireQuery]    `json:"query"`
	Response     opt[wireDBAnswer] `json:"response"`
}

type wireQuery struct {
	Text    string `json:"text"`
	TextRaw []byte `json:"text_base64"`
}

type wireDBAnswer struct {
	Status    string      `json:"status_code"`
	StatusRaw []byte      `json:"status_code_base64"`
	Rows      opt[uint64] `json:"returned_rows"`
}

type wireHTTP struct {
	Request  opt[wireMethod]     `json:"request"`
	Response opt[wireHTTPAnswer] `json:"response"`
}

type wireMethod struct {
	Method    string `json:"method"`
	MethodRaw []byte `json:"method_base64"`
}

type wireHTTPAnswer struct {
	Status uint16 `json:"status_code"`
}

type wireURL struct {
	Path    string `json:"path"`
	PathRaw []byte `json:"path_base64"`
}

type wireAgent struct {
	Original    string `json:"original"`
	OriginalRaw []byte `json:"original_base64"`
}

type wireOperation struct {
	Protocol       string      `json:"protocol"`
	Kind           string      `json:"kind"`
	Fingerprint    string      `json:"fingerprint"`
	Cut            bool        `json:"cut"`
	Failed         bool        `json:"failed"`
	Unfinished     bool        `json:"unfinished"`
	Application    string      `json:"application"`
	ApplicationRaw []byte      `json:"application_base64"`
	Auth           string      `json:"auth"`
	AuthRaw        []byte      `json:"auth_base64"`
	Transaction    string      `json:"transaction"`
	ChangedRows    opt[uint64] `json:"changed_rows"`
	FromClient     uint64      `json:"bytes_from_client"`
	FromBackend    uint64      `json:"bytes_from_backend"`
	Duration       int64       `json:"duration_ns"`
	Asked          int64       `json:"asked_ns"`
	FirstByte      int64       `json:"first_byte_ns"`
	LastByte       int64       `json:"last_byte_ns"`
}
