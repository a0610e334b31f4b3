package configs

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/proxyproto"
	"github.com/lodoor/lodoor/rules"
)

// checker looks at a configuration whose types are right for what cannot work.
type checker struct {
	config  *Config
	options *LoadOptions
	out     *Loaded
	report  func(key, text string)
	own     []netip.Addr // of this host; only loopback is known to be local when the system does not tell
	byPort  map[uint16][]front
}

func (c *checker) all() {
	if c.config.Instance != "" && !validName(c.config.Instance) {
		c.report("instance", fmt.Sprintf("found %s; expected %s", shorten(c.config.Instance), nameForm))
	}
	if c.options.RequireServices && len(c.config.Services) == 0 {
		c.report("services", "there is no service; name one on the command line, as in 'lodoor run 5432', or in the file")
	}
	c.settings("", reflect.ValueOf(c.config).Elem())
	distinct := c.names()
	c.own, _ = c.options.OwnAddrs()
	c.fronts()
	for i := range c.config.Services {
		c.service(item("services", i), &c.config.Services[i])
	}
	c.recording()
	if distinct {
		c.rules()
	}
}

// settings asks every part of the configuration that can check itself.
func (c *checker) settings(path string, v reflect.Value) {
	if part, ok := v.Interface().(interface{ Validate() error }); ok {
		c.invalid(path, part.Validate())
	}
	for _, f := range fieldsOf(v.Type()) {
		at := child(path, f.name)
		value := v.FieldByIndex(f.index)
		if value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		}
		switch {
		case isLeaf(value.Type()):
		case value.Kind() == reflect.Struct:
			c.settings(at, value)
		case f.typ.Kind() == reflect.Slice && f.typ.Elem().Kind() == reflect.Struct && !isLeaf(f.typ.Elem()):
			for i := range value.Len() {
				c.settings(item(at, i), value.Index(i))
			}
		}
	}
}

// invalid reports what a part says of itself, one problem for each of joined errors. What starts with the name of a
// setting is reported at that setting.
func (c *checker) invalid(path string, err error) {
	if err == nil {
		return
	}
	for _, e := range split(err) {
		key, text, ok := strings.Cut(e.Error(), ": ")
		if ok && !strings.Contains(key, " ") {
			c.report(strings.TrimPrefix(path+"."+key, "."), text)
			continue
		}
		c.report(path, e.Error())
	}
}

// split takes joined errors apart.
func split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, split(e)...)
	}
	return all
}

// names checks that every service has a name of its own.
func (c *checker) names() (distinct bool) {
	first := make(map[string]int)
	distinct = true
	for i, s := range c.config.Services {
		key := item("services", i) + ".name"
		before, twice := first[s.Name]
		switch {
		case s.Name == "":
			c.report(key, "not given; every service needs a name: records and messages tell it")
		case !validName(s.Name):
			c.report(key, fmt.Sprintf("found %s; expected %s", shorten(s.Name), nameForm))
		case twice:
			c.report(key, fmt.Sprintf("%q is the name of services[%d] already", s.Name, before))
		}
		distinct = distinct && !twice && s.Name != ""
		first[s.Name] = i
	}
	return distinct
}

func (c *checker) service(key string, s *Service) {
	if len(s.Listen) == 0 && c.out.givenBy(key) == "" {
		c.report(key+".listen", "not given; expected where clients connect to, as in 62893")
	}
	for i, e := range s.Listen {
		if !isFront(e) {
			c.report(item(key+".listen", i), fmt.Sprintf("found the name %s; expected an address of this host, localhost or a port alone", shorten(e.Host)))
		}
	}
	if s.Record != nil && *s.Record && c.config.Record.Dir == "" {
		c.report(key+".record", "found true, but record.dir says no directory for the recordings")
	}
	c.backend(key+".backend", s)
	c.protocol(key, s)
}

// protocol looks at what depends on what the service speaks.
func (c *checker) protocol(key string, s *Service) {
	if s.Protocol != ProtocolHTTP && len(s.HTTP.Hosts)+len(s.HTTP.Origins) > 0 {
		c.out.warn("%s.http is looked at only when protocol is http", key)
	}
	warn := func(at string, warnings []string) {
		for _, w := range warnings {
			c.out.warn("%s.%s", at, w)
		}
	}
	warn(key+".http", s.HTTP.Warnings())
	if s.TLS == TLSDecline {
		c.declines(key+".tls", s)
	}
	if p := s.ProxyProtocol; p != nil {
		if p.Validate() == nil { // else that is told already
			_, err := proxyproto.New(proxyproto.Config{Settings: p.Settings})
			c.invalid(key+".proxy_protocol", err)
		}
		c.headed(key+".proxy_protocol.listen", s)
		warn(key+".proxy_protocol", p.Settings.Warnings())
	}
}

// headed looks whether what is said to take PROXY headers are fronts of the service.
func (c *checker) headed(key string, s *Service) {
	var fronts []spot
	var names []string
	for _, e := range s.Listen {
		fronts, names = append(fronts, spotsOf(e)...), append(names, e.String())
	}
	for i, e := range s.ProxyProtocol.Listen {
		if slices.ContainsFunc(spotsOf(e), func(x spot) bool { return !slices.Contains(fronts, x) }) {
			c.report(item(key, i), fmt.Sprintf("%s is no front of service %q; expected one of its listen addresses, %s",
				e, s.Name, strings.Join(names, " or ")))
		}
	}
}

// recording looks at which sessions are to be recorded.
func (c *checker) recording() {
	if c.config.Record.Ring > 0 && c.config.Record.Dir == "" {
		c.report("record.ring", "found "+FormatDuration(c.config.Record.Ring)+", but record.dir (--record) says no directory that it would be "+
			"written to; expected one, since nothing is kept without")
	}
	if c.config.Record.When == "" {
		return
	}
	names := make([]string, 0, len(c.config.Services))
	for i := range c.config.Services {
		names = append(names, c.config.Services[i].Name)
	}
	if _, err := rules.CompileCondition(c.config.Record.When, names); err != nil {
		c.report("record.when", err.Error())
	}
}

// declines looks at a service whose clients are told that there is no TLS.
func (c *checker) declines(key string, s *Service) {
	if s.Protocol != ProtocolPostgres && s.Protocol != ProtocolMySQL {
		c.report(key, "found decline; it is for services with protocol: postgres or mysql (--protocol, on the command line), whose clients ask before they encrypt")
	}
	for _, e := range s.Listen {
		if a, ok := e.Addr(); ok && !a.IsLoopback() {
			c.report(key, fmt.Sprintf("found decline, and the door %s is not on loopback; what is said there would cross a network "+
				"in the clear", e))
		}
	}
}

// rules compiles the rules, so that what is wrong in them is told now and with its place.
func (c *checker) rules() {
	set, err := rules.Compile(c.config.Rules, c.config.RuleServices(), ruleConfig(c.config))
	c.out.RuleSet = set
	if err != nil {
		for _, e := range split(err) {
			c.rule(e)
		}
		return
	}
	c.out.Warnings = append(c.out.Warnings, set.Warnings()...)
}

func ruleConfig(c *Config) rules.Config {
	config := rules.Config{UID: uint32(max(os.Geteuid(), 0))}
	if !c.Privacy.Processes {
		config.NoProcesses = "privacy.processes is false"
	}
	return config
}

func (c *checker) rule(err error) {
	var r *rules.RuleError
	if !errors.As(err, &r) {
		c.invalid("", err) // of a setting beside the rules
		return
	}
	key := item("rules", r.Index)
	for i, s := range c.config.Services {
		if r.Service != "" && s.Name == r.Service {
			key = item("services", i) + "." + key
		}
	}
	text := r.Err.Error()
	if r.Rule != "" && r.Key != "name" {
		text = fmt.Sprintf("rule %q: %s", r.Rule, text)
	}
	c.report(key+"."+r.Key, text)
}
