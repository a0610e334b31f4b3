package flow

import "time"

// Operation is one thing that a client asked of a backend, and what came of it, as it was read on the wire. It does not
// change once it was told. Its texts come from the ends and may hold any byte.
type Operation struct {
	// Protocol is what was spoken: postgres, mysql, redis or http.
	Protocol string
	// System is db.system.name: postgresql, mysql, mariadb, redis; empty for HTTP.
	System string
	// Namespace is db.namespace: the database; of Redis its number. Empty when it is not known.
	Namespace string
	// User is the name that the client logged in with, Application what it calls itself (application_name, the client's
	// program_name, CLIENT SETNAME, User-Agent); empty when it did not say.
	User, Application string
	// Auth is the method of authentication that was seen: scram-sha-256, md5, password, trust, mysql_native_password, basic,
	// bearer; empty when none was, or none yet.
	Auth string
	// Name is db.operation.name or http.request.method: SELECT, GET, COPY, COMMIT; upper case.
	Name string
	// Text is db.query.text, or the path of an HTTP request, as far as privacy lets it be told; at most OperationTextMax
	// bytes. Cut says that more was asked.
	Text string
	Cut  bool
	// Fingerprint names all operations that differ in their literals only; 16 hexadecimal digits, and 0 for none.
	Fingerprint uint64
	// Status is db.response.status_code or http.response.status_code: an SQLSTATE, the number of a MySQL error, the first
	// word of a Redis error; empty when a database had nothing to object. Failed says that it did, of HTTP that the status
	// is 400 or more.
	Status string
	Failed bool
	// Error is what the backend said about it, as far as privacy lets it be told; at most OperationErrorMax bytes.
	Error string
	// Rows are those that were returned, or else changed; -1 when nobody said.
	Rows int64
	// FromClient and FromBackend are the bytes of the question and of the answer, their framing included.
	FromClient, FromBackend uint64
	// Started is when the question's first byte was read. Asked, FirstByte and LastByte count from it: to the question's
	// last byte, to the answer's first and to its last. Without an answer the latter two are 0.
	Started                    time.Time
	Asked, FirstByte, LastByte time.Duration
	// Transaction is the state of the session behind the answer: empty when unknown, otherwise idle, active or failed.
	Transaction string
	// Kind is what else it is: empty, prepare, execute, copy, cancel, replication, notification, login, subscribe,
	// upgrade.
	Kind string
	// Unfinished says that the session ended, or nothing more could be read, before the answer was whole.
	Unfinished bool
}

// What is told of an operation's texts, at most.
const (
	OperationTextMax  = 8 << 10
	OperationErrorMax = 1 << 10
)

// Statements is how much of what a client asked is told.
type Statements uint8

// The ways of telling statements.
const (
	StatementsFingerprint Statements = iota // without literals
	StatementsText                          // as it was asked, without passwords
	StatementsOff                           // only what kind it was
)

func statementsNames() []string { return []string{"fingerprint", "text", "off"} }

func (s Statements) String() string { return enumName(statementsNames(), uint8(s)) }

// MarshalText writes the word.
func (s Statements) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word.
func (s *Statements) UnmarshalText(text []byte) error {
	i, err := parseEnum("way of telling statements", statementsNames(), text)
	*s = Statements(i)
	return err
}
