package wire

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/http"
	"github.com/lodoor/lodoor/proxy/wire/mysql"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
	"github.com/lodoor/lodoor/proxy/wire/redis"
)

// decoder is one protocol's reader of one session. The packages below say what its methods do.
type decoder interface {
	Data(d flow.Direction, at time.Time, b []byte) error
	Skipped(d flow.Direction, at time.Time, n uint64) error
	Answered(at time.Time, taken uint64, reply []byte) error
	End(at time.Time)
	Encrypted() bool
}

// decodes says whether a protocol has a decoder, or can turn out to have one.
func decodes(protocol string) bool {
	switch protocol {
	case protocolAuto, protocolPostgres, protocolMySQL, protocolRedis, protocolHTTP:
		return true
	}
	return false
}

func newDecoder(protocol string, c *Config, s *statements, emit func(*flow.Operation)) decoder {
	switch protocol {
	case protocolPostgres:
		return postgres.New(postgres.Config{Emit: emit, Statement: s.read, Statements: c.Statements})
	case protocolMySQL:
		return mysql.New(mysql.Config{Emit: emit, Statement: s.read, Statements: c.Statements})
	case protocolRedis:
		return redis.New(redis.Config{Emit: emit, Statements: c.Statements})
	case protocolHTTP:
		return http.New(http.Config{Emit: emit, Statements: c.Statements})
	}
	return nil
}

// redactor is one protocol's part of Redactor.
type redactor interface {
	Redact(d flow.Direction, b []byte) bool
	Skip(d flow.Direction, n uint64) bool
	Answered(taken uint64, reply []byte)
}

func newRedactor(protocol string, c flow.Redaction) redactor {
	switch protocol {
	case protocolPostgres:
		return postgres.NewRedactor(c)
	case protocolMySQL:
		return mysql.NewRedactor(c)
	case protocolRedis:
		return redis.NewRedactor(c)
	case protocolHTTP:
		return http.NewRedactor(c)
	}
	return nil
}
