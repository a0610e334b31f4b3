package main

import (
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
)

// tryLine is a command to paste that goes through the door to a service of a kind.
func tryLine(kind string, front flow.Endpoint) string {
	if front.IsUnix() {
		return tryUnix(kind, front.Path)
	}
	host, port := front.Host, strconv.Itoa(int(front.Port))
	if a, ok := front.Addr(); ok && a.IsUnspecified() {
		host = "127.0.0.1"
	}
	switch kind {
	case "postgres":
		return fmt.Sprintf("psql -h %s -p %s", host, port)
	case "mysql":
		return fmt.Sprintf("mysql -h %s -P %s", host, port)
	case "redis":
		return fmt.Sprintf("redis-cli -h %s -p %s", host, port)
	case "mongodb":
		return fmt.Sprintf("mongosh --host %s --port %s", host, port)
	case "http":
		return "curl http://" + net.JoinHostPort(host, port) + "/"
	default:
		return fmt.Sprintf("nc %s %s", host, port)
	}
}

func tryUnix(kind, path string) string {
	dir, port := filepath.Dir(path), strings.TrimPrefix(filepath.Base(path), ".s.PGSQL.")
	switch {
	case kind == "postgres" && strings.HasPrefix(filepath.Base(path), ".s.PGSQL."):
		return fmt.Sprintf("psql -h %s -p %s", shellQuote(dir), shellQuote(port))
	case kind == "redis":
		return "redis-cli -s " + shellQuote(path)
	case kind == "http":
		return "curl --unix-socket " + shellQuote(path) + " http://localhost/"
	default:
		return "nc -U " + shellQuote(path)
	}
}

// kindOf is what a service most likely speaks: what the configuration says or, since it only makes a command to try,
// what its port (IANA's numbers), socket, program, user or name is known for. Empty when nothing tells.
func kindOf(s *configs.Service, holder origin.Holder) string {
	if p := s.Protocol.String(); p != "" && p != "auto" {
		return p
	}
	if strings.HasPrefix(filepath.Base(s.Backend.Path), ".s.PGSQL.") {
		return "postgres"
	}
	port := map[uint16]string{
		5432: "postgres", 3306: "mysql", 6379: "redis", 27017: "mongodb", 80: "http", 8000: "http", 8080: "http",
	}[s.Backend.Port]
	return cmp.Or(port, kindOfWord(holder.Program), kindOfWord(holder.User), kindOfWord(s.Name))
}

func kindOfWord(word string) string {
	return map[string]string{
		"postgres": "postgres", "postgresql": "postgres", "pg": "postgres", "pgbouncer": "postgres",
		"mysql": "mysql", "mysqld": "mysql", "mariadb": "mysql", "mariadbd": "mysql",
		"redis": "redis", "redis-server": "redis", "valkey-server": "redis",
		"mongodb": "mongodb", "mongod": "mongodb", "mongo": "mongodb",
		"nginx": "http", "caddy": "http", "apache2": "http", "httpd": "http", "www-data": "http", "web": "http",
	}[word]
}
