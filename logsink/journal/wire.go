package journal

import (
	"encoding/json"
	"time"
)

// The wire types are the record as it is decoded. Their tags are the list of all members that there are: a test holds
// it together with the encoder, the scanner, the schema and docs/record-format.md.

type wireRecord struct {
	Seq       uint64             `json:"seq"`
	Time      time.Time          `json:"time"`
	Event     string             `json:"event"`
	Service   opt[wireName]      `json:"service"`
	Session   opt[wireSession]   `json:"session"`
	Network   opt[wireNetwork]   `json:"network"`
	Client    opt[wireAddress]   `json:"client"`
	Header    opt[wireHeader]    `json:"proxy_protocol"`
	Front     opt[wireFront]     `json:"front"`
	Server    opt[wireServer]    `json:"server"`
	Origin    opt[wireOrigin]    `json:"origin"`
	Process   opt[wireProcess]   `json:"process"`
	Container opt[wireContainer] `json:"container"`
	Rule      opt[wireRule]      `json:"rule"`
	Error     opt[wireError]     `json:"error"`
	TCP       opt[wireTCP]       `json:"tcp"`
	Refused   opt[wireRefused]   `json:"refused"`
	Alert     opt[wireAlert]     `json:"alert"`
	Config    opt[wireConfig]    `json:"config"`
	Journal   opt[wireJournal]   `json:"journal"`
	Host      opt[wireHost]      `json:"host"`
	Beat      opt[wireBeat]      `json:"heartbeat"`
	DB        opt[wireDB]        `json:"db"`
	HTTP      opt[wireHTTP]      `json:"http"`
	URL       opt[wireURL]       `json:"url"`
	User      opt[wireName]      `json:"user"`
	Agent     opt[wireAgent]     `json:"user_agent"`
	Operation opt[wireOperation] `json:"operation"`
	Chain     string             `json:"chain"`
}

type wireName struct {
	Name    string `json:"name"`
	NameRaw []byte `json:"name_base64"`
}

type wireSession struct {
	ID               string      `json:"id"`
	BytesFromClient  opt[uint64] `json:"bytes_from_client"`
	BytesFromBackend uint64      `json:"bytes_from_backend"`
	Duration         int64       `json:"duration_ns"`
	Dial             int64       `json:"dial_ns"`
	FirstByte        int64       `json:"first_byte_ns"`
	Lane             string      `json:"lane"`
	LaneRaw          []byte      `json:"lane_base64"`
	Tapped           bool        `json:"tapped"`
	Recorded         bool        `json:"recorded"`
	TapKept          opt[uint64] `json:"tap_kept"`
	TapSkipped       uint64      `json:"tap_skipped"`
	End              opt[string] `json:"end"`
	EndedBy          string      `json:"ended_by"`
	Detail           string      `json:"detail"`
	DetailRaw        []byte      `json:"detail_base64"`
}

type wireAddress struct {
	Address string `json:"address"`
	Port    uint16 `json:"port"`
}

type wireNetwork struct {
	Transport string           `json:"transport"`
	Peer      opt[wireAddress] `json:"peer"`
	Local     opt[wireAddress] `json:"local"`
}

type wireHeader struct {
	Version uint8            `json:"version"`
	Server  opt[wireAddress] `json:"server"`
}

type wireFront struct {
	Address string `json:"address"`
	Port    uint16 `json:"port"`
	Path    string `json:"path"`
	PathRaw []byte `json:"path_base64"`
}

type wireEndpoint struct {
	Address    string `json:"address"`
	AddressRaw []byte `json:"address_base64"`
	Port       uint16 `json:"port"`
}

type wireServer struct {
	wireEndpoint
	Configured opt[wireEndpoint] `json:"configured"`
}

type wireRule struct {
	Name      string `json:"name"`
	NameRaw   []byte `json:"name_base64"`
	Action    string `json:"action"`
	Cause     string `json:"cause"`
	Reason    string `json:"reason"`
	ReasonRaw []byte `json:"reason_base64"`
}

type wireError struct {
	Type       string `json:"type"`
	TypeRaw    []byte `json:"type_base64"`
	Message    string `json:"message"`
	MessageRaw []byte `json:"message_base64"`
}

type wireTCP struct {
	Client  opt[wireTCPInfo] `json:"client"`
	Backend opt[wireTCPInfo] `json:"backend"`
}

type wireTCPInfo struct {
	RTT         int64  `json:"rtt_ns"`
	Retransmits uint32 `json:"retransmits"`
	Unsent      uint32 `json:"unsent_bytes"`
	Unread      uint32 `json:"unread_bytes"`
}

type wireRefused struct {
	Count          uint64   `json:"count"`
	Distinct       uint64   `json:"distinct"`
	DistinctCapped bool     `json:"distinct_capped"`
	Tripwire       bool     `json:"tripwire"`
	Sample         []string `json:"sample"`
}

type wireAlert struct {
	ID           string    `json:"id"`
	Condition    string    `json:"condition"`
	ConditionRaw []byte    `json:"condition_base64"`
	Severity     string    `json:"severity"`
	Zone         string    `json:"zone"`
	Count        uint64    `json:"count"`
	First        time.Time `json:"first"`
	Last         time.Time `json:"last"`
	Repeat       bool      `json:"repeat"`
	Observed     bool      `json:"observed"`
	Resolved     bool      `json:"resolved"`
	Silenced     bool      `json:"silenced"`
	Message      string    `json:"message"`
	MessageRaw   []byte    `json:"message_base64"`
	Sample       []string  `json:"sample"`
	Forwarder    string    `json:"forwarder"`
	ForwarderRaw []byte    `json:"forwarder_base64"`
	Program      string    `json:"program"`
	ProgramRaw   []byte    `json:"program_base64"`
	// By is an object whose order matters.
	By json.RawMessage `json:"by"`
}

type wireConfig struct {
	Hash      string `json:"hash"`
	HashRaw   []byte `json:"hash_base64"`
	Source    string `json:"source"`
	SourceRaw []byte `json:"source_base64"`
	Error     string `json:"error"`
	ErrorRaw  []byte `json:"error_base64"`
	wireServices
}

type wireJournal struct {
	ID         string `json:"id"`
	Epoch      string `json:"epoch"`
	Version    string `json:"version"`
	VersionRaw []byte `json:"version_base64"`
	PID        int    `json:"pid"`
	Segment    string `json:"segment"`
	SegmentRaw []byte `json:"segment_base64"`
	First      uint64 `json:"first"`
	Last       uint64 `json:"last"`
	Head       string `json:"head"`
	Count      uint64 `json:"count"`
	Bytes      uint64 `json:"bytes"`
	Reason     string `json:"reason"`
	ReasonRaw  []byte `json:"reason_base64"`
}

type wireServices struct {
	Services    []string `json:"services"`
	ServicesRaw [][]byte `json:"services_base64"`
}

type wireHost struct {
	Name    string `json:"name"`
	NameRaw []byte `json:"name_base64"`
	ID      string `json:"id"`
	IDRaw   []byte `json:"id_base64"`
}

type wireBeat struct {
	Open       uint64   `json:"open"`
	Sessions   uint64   `json:"sessions"`
	Refused    uint64   `json:"refused"`
	Dropped    uint64   `json:"dropped"`
	Uptime     int64    `json:"uptime_ns"`
	Without    []string `json:"without"`
	WithoutRaw [][]byte `json:"without_base64"`
	Config     string   `json:"config_hash"`
	ConfigRaw  []byte   `json:"config_hash_base64"`
	wireServices
}
