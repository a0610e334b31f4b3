package main

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/peer"
)

// greet says, once the doors are open, what a person wants to know in the first minute.
func (d *door) greet(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "lodoor %s\n\n", version())
	for i := range d.config.Services {
		d.greetService(&b, &d.config.Services[i])
	}
	row(&b, "journal", d.journalWords())
	if d.config.Alerts.WebhookFile == "" && d.config.Alerts.Webhook == "" {
		row(&b, "alerts", "here and in the journal; --webhook-file FILE sends them on")
	} else {
		row(&b, "alerts", "here, in the journal and to the webhook")
	}
	if d.recorder != nil {
		row(&b, "recording", d.config.Record.Warning())
	}
	for _, m := range d.peers.Missing() {
		row(&b, "without", m)
	}
	b.WriteByte('\n')
	_, _ = io.WriteString(w, visibleLines(b.String()))
}

// visibleLines is visible for text that is laid out already.
func visibleLines(text string) string { return strings.ReplaceAll(visible(text), "\n        ", "\n") }

func row(b *strings.Builder, name, text string) { fmt.Fprintf(b, "  %-10s %s\n", name, text) }

func (d *door) greetService(b *strings.Builder, s *configs.Service) {
	fronts := d.server.Fronts(s.Name)
	names := make([]string, 0, len(fronts))
	for _, e := range fronts {
		names = append(names, e.String())
	}
	row(b, s.Name, strings.Join(names, " and ")+" -> "+backendName(s.Backend))
	row(b, "", "behind it: "+holderOf(s.Backend))
	row(b, "", "lets in: "+d.rules.Summary(s.Name))
	if len(fronts) > 0 {
		row(b, "", "try: "+tryLine(s, fronts[0]))
	}
	if !d.config.TripwireOn(s) {
		if own := unwatched(fronts); own != "" {
			row(b, "", "not watched: "+own+" (the kernel refuses knocks there unseen; --tripwire watches)")
		}
	}
	b.WriteByte('\n')
}

// backendName is the backend as people call it.
func backendName(e flow.Endpoint) string {
	if e.Host == "" && !e.IsUnix() {
		return "localhost:" + e.String()
	}
	return e.String()
}

// unwatched lists the own addresses at which the service's ports are not listened on.
func unwatched(fronts []flow.Endpoint) string {
	own, err := peer.OwnAddresses()
	if err != nil {
		return ""
	}
	tcp, any4, any6 := false, false, false
	for _, e := range fronts {
		a, ok := e.Addr()
		tcp = tcp || ok
		any4 = any4 || (ok && a.IsUnspecified())
		any6 = any6 || (ok && a.IsUnspecified() && a.Is6())
	}
	var names []string
	for _, a := range own {
		watched := (a.Is4() && any4) || (a.Is6() && any6)
		if tcp && !watched && !a.IsLinkLocalUnicast() {
			names = append(names, a.String())
		}
	}
	return strings.Join(names, ", ")
}

// journalWords say where the journal is and how much it may take.
func (d *door) journalWords() string {
	if d.journal == nil {
		return "off: nothing is kept"
	}
	j := d.config.Journal
	return fmt.Sprintf("%s, at most %s and %s, durability %s",
		d.journal.Dir(), j.MaxSize.Human(), configs.FormatDuration(j.MaxAge), j.Durability)
}

// tryLine is a command to paste that goes through the door.
func tryLine(s *configs.Service, front flow.Endpoint) string {
	kind := protocolOf(s)
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
	switch {
	case kind == "postgres" && strings.HasPrefix(filepath.Base(path), ".s.PGSQL."):
		return fmt.Sprintf("psql -h %s -p %s", filepath.Dir(path), strings.TrimPrefix(filepath.Base(path), ".s.PGSQL."))
	case kind == "redis":
		return "redis-cli -s " + path
	case kind == "http":
		return "curl --unix-socket " + path + " http://localhost/"
	default:
		return "nc -U " + path
	}
}

// protocolOf is what the configuration says, or what the backend's port is known for (IANA's port numbers).
func protocolOf(s *configs.Service) string {
	if p := s.Protocol.String(); p != "" && p != "auto" {
		return p
	}
	if strings.HasPrefix(filepath.Base(s.Backend.Path), ".s.PGSQL.") {
		return "postgres"
	}
	return map[uint16]string{
		5432: "postgres", 3306: "mysql", 6379: "redis", 27017: "mongodb", 80: "http", 8000: "http", 8080: "http",
	}[s.Backend.Port]
}
