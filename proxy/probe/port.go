package probe

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// The classes of ports, RFC 6335 section 6.
const (
	WellKnown  = "well-known"
	Registered = "registered"
	Dynamic    = "dynamic"
)

// Port is what is known of a port by its number.
type Port struct {
	Number uint16 `json:"number"`
	Class  string `json:"class"`
	// Usual is the service that it is mostly used for; empty when there is none that most people know.
	Usual string `json:"usual_service,omitempty"`
	// ClientFirst to ClientLast are the ports that this system gives its own clients; 0 where it does not say.
	ClientFirst uint16 `json:"client_range_first,omitempty"`
	ClientLast  uint16 `json:"client_range_last,omitempty"`
	// Reserved says that the port is left out of that range.
	Reserved bool `json:"reserved"`
	// FreeFrom is the first port that needs no privilege to be bound.
	FreeFrom uint16 `json:"unprivileged_from"`
}

// ForClients says whether the system may give the port to any client of its own.
func (p *Port) ForClients() bool {
	return p.ClientFirst != 0 && p.ClientFirst <= p.Number && p.Number <= p.ClientLast && !p.Reserved
}

// Privileged says whether binding it needs a privilege (on Linux CAP_NET_BIND_SERVICE).
func (p *Port) Privileged() bool { return p.Number < p.FreeFrom }

// portOf reads the system's settings (Linux's ip-sysctl); where there are none it has the usual ones of Unix.
func portOf(number uint16, proc procfs.FS) *Port {
	p := &Port{Number: number, Class: classOf(number), Usual: usualService(number), FreeFrom: 1024}
	read := func(name string) string {
		b, _ := os.ReadFile(proc.Path("sys", "net", "ipv4", name)) // empty where it is not
		return strings.TrimSpace(string(b))
	}
	var first, last uint16
	if _, err := fmt.Sscan(read("ip_local_port_range"), &first, &last); err == nil {
		p.ClientFirst, p.ClientLast = first, last
	}
	p.Reserved = inRanges(number, read("ip_local_reserved_ports"))
	if n, err := strconv.ParseUint(read("ip_unprivileged_port_start"), 10, 16); err == nil {
		p.FreeFrom = uint16(n)
	}
	return p
}

func classOf(port uint16) string {
	switch {
	case port < 1024:
		return WellKnown
	case port < 49152:
		return Registered
	default:
		return Dynamic
	}
}

// inRanges reads "8080,9000-9010".
func inRanges(port uint16, list string) bool {
	for part := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, errFirst := strconv.ParseUint(low, 10, 16)
		last, errLast := strconv.ParseUint(high, 10, 16)
		if errFirst == nil && errLast == nil && first <= uint64(port) && uint64(port) <= last {
			return true
		}
	}
	return false
}

// usualService names what a port is mostly used for on a developer's machine: IANA's registry, and habits.
func usualService(port uint16) string {
	return map[uint16]string{
		21: "FTP", 22: "SSH", 23: "Telnet", 25: "SMTP", 53: "DNS", 80: "HTTP", 110: "POP3", 111: "rpcbind", 143: "IMAP",
		389: "LDAP", 443: "HTTPS", 445: "SMB", 465: "SMTP with TLS", 587: "mail submission", 631: "printing (IPP)",
		636: "LDAP with TLS", 873: "rsync", 993: "IMAP with TLS", 1433: "Microsoft SQL Server", 1521: "Oracle Database",
		1883: "MQTT", 2049: "NFS", 2375: "Docker without TLS", 2376: "Docker with TLS", 2379: "etcd",
		3306: "MySQL", 3389: "RDP", 4222: "NATS", 4317: "OTLP over gRPC", 4318: "OTLP over HTTP",
		5173: "Vite", 5432: "PostgreSQL", 5672: "AMQP", 5900: "VNC", 6379: "Redis", 6443: "Kubernetes API",
		8080: "HTTP, alternative", 8443: "HTTPS, alternative", 8888: "Jupyter",
		9042: "Cassandra", 9090: "Prometheus", 9092: "Kafka", 9200: "Elasticsearch", 9229: "Node.js inspector",
		11211: "memcached", 15672: "RabbitMQ's console", 27017: "MongoDB", 62893: "lodoor's first door",
	}[port]
}
