//go:build linux

package peers

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

//go:embed haproxy.cfg nginx.conf rinetd.conf socat.args lodoor.yaml
var templates embed.FS

// Service is one backend and the front that a door has for it, ports of 127.0.0.1.
type Service struct {
	Name           string
	Front, Backend int
}

// What every door is allowed. A session takes a relay two files; 9,000 of them must fit under a hard limit of 20,000.
const (
	maxSessions = 9500
	threads     = 2
)

// Configuration is what the door is told; Dir is where it keeps its files. Empty for a door that is told nothing.
func (d Door) Configuration(dir string, services []Service) (string, error) {
	if d.file == "" {
		return "", nil
	}
	t, err := template.ParseFS(templates, d.file)
	if err != nil {
		return "", fmt.Errorf("read the template of %s: %w", d.Name, err)
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]any{
		"Dir": dir, "Services": services, "MaxConn": maxSessions, "Files": 2 * maxSessions, "Threads": threads,
		"Splice": d.splice, "Settings": d.change.settings, "Rules": d.change.rules,
	})
	if err != nil {
		return "", fmt.Errorf("write the configuration of %s: %w", d.Name, err)
	}
	return b.String(), nil
}

// Shown is the configuration as a report shows it: with names in the place of a folder and of ports, and only the
// first of many rules.
func (d Door) Shown(services []Service) (string, error) {
	const most = 3
	rules := len(d.change.rules)
	if rules > most {
		d.change.rules = append(slices.Clone(d.change.rules[:most]), fmt.Sprintf("# and so on, %d rules", rules))
	}
	text, err := d.Configuration("DIR", services)
	return strings.ReplaceAll(text, "- # and", "# and"), err
}

// Program is what the door runs; empty when that is nothing.
func (d Door) Program() string {
	if d.file != "" && d.program == "" {
		return Lodoor
	}
	return d.program
}

// commands are the command lines of the door, without the programs' paths.
func (d Door) commands(dir, configuration string) [][]string {
	switch d.program {
	case "":
		all := [][]string{append([]string{Lodoor, "run", "--config", dir + "/lodoor.yaml"}, d.change.args...)}
		if len(d.change.beside) > 0 {
			all = append(all, d.change.beside)
		}
		return all
	case Socat:
		var all [][]string
		for line := range strings.Lines(configuration) {
			all = append(all, strings.Fields(line))
		}
		return all
	}
	return [][]string{append([]string{d.program}, d.args(dir)...)}
}
