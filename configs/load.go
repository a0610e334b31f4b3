package configs

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"reflect"

	"github.com/lodoor/lodoor/rules"
	"github.com/spf13/viper"
)

// LoadOptions are what a configuration is made from. The zero LoadOptions reads the usual file and the environment.
type LoadOptions struct {
	// File is the one that --config names; empty searches.
	File string
	// Flags, Services and Rules were given on the command line. Services replace those of the environment and of the
	// file; those without Listen are left to the caller. Rules come before the file's.
	Flags    []Flag
	Services []Service
	Rules    []rules.Rule
	// RequireServices makes it an error that there is no service.
	RequireServices bool
	// Environ is in the form of os.Environ, which it is when nil.
	Environ []string
	// SystemDir is /etc/lodoor when empty.
	SystemDir string
	// OwnAddrs are the addresses of this host; nil asks the system.
	OwnAddrs func() ([]netip.Addr, error)
}

// Load merges defaults, file, environment and command line, each before the one that it overrides, and checks the
// result. The error is an [*Error] with every problem.
func Load(o LoadOptions) (*Loaded, error) {
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.SystemDir == "" {
		o.SystemDir = systemDir
	}
	if o.OwnAddrs == nil {
		o.OwnAddrs = ownAddrs
	}
	l := loader{options: o, viper: viper.New(), out: &Loaded{given: make(map[string]string)}}
	l.defaults()
	l.file()
	l.environment()
	l.commandLine()
	l.finish()
	if err := asError(l.problems); err != nil {
		return nil, err
	}
	return l.out, nil
}

// loader is one run of Load.
type loader struct {
	options  LoadOptions
	viper    *viper.Viper // a fresh one each time: nothing stays of an earlier configuration
	out      *Loaded
	shape    shape
	problems []Problem
}

func (l *loader) defaults() {
	def := Default()
	v := reflect.ValueOf(def)
	for _, leaf := range leavesOf(configType()) {
		l.viper.SetDefault(leaf.key, v.FieldByIndex(leaf.index).Interface())
	}
}

// file finds, parses and compares the file. What is wrong in it is reported; the rest is merged.
func (l *loader) file() {
	src, problem := search(l.options.File, l.options.Environ, l.options.SystemDir)
	l.out.File, l.out.Warnings = src.name, src.warnings
	doc, flaws := &document{}, []flaw(nil)
	if problem != nil {
		l.problems = append(l.problems, *problem)
	} else if src.name != "" {
		doc, flaws = parse(src.name, src.data)
		l.out.fileSum = sha256.Sum256(src.data)
	}
	l.out.doc, l.shape.doc = doc, doc
	l.flaws(flaws)
	if problem != nil || len(flaws) > 0 {
		l.shape.done("") // nothing is known of what the file meant
		return
	}
	l.shape.check()
	l.flaws(l.shape.flaws)
	if err := l.viper.MergeConfigMap(doc.root); err != nil {
		l.problem("", fmt.Sprintf("merge the file: %v", err))
	}
}

func (l *loader) flaws(flaws []flaw) {
	for _, f := range flaws {
		l.problems = append(l.problems, Problem{
			File: l.out.File, Line: f.line, Column: f.column, Key: f.key, Text: f.text,
		})
	}
}

// problem reports what is wrong with a setting, wherever it came from, unless it was reported before.
func (l *loader) problem(key, text string) {
	origin := l.out.nearestOrigin(key)
	if origin.File != "" && l.shape.known(l.out.fileKey(key)) {
		return
	}
	l.problems = append(l.problems, Problem{
		File: origin.File, Line: origin.Line, Column: origin.Column, Source: origin.Name, Key: key, Text: text,
	})
}

func (l *loader) environment() {
	vars := variables(l.options.Environ)
	given, problems := fromEnvironment(vars)
	l.problems = append(l.problems, problems...)
	l.set(given)
	if list := vars[envRun]; list != "" && len(l.options.Services) == 0 {
		services, err := ParseRuns(splitRuns(list))
		if err != nil {
			l.problems = append(l.problems, Problem{Source: envRun, Text: err.Error()})
		}
		l.services(services, envRun)
	}
}

func (l *loader) commandLine() {
	given, problems := fromFlags(l.options.Flags)
	l.problems = append(l.problems, problems...)
	l.set(given)
	l.services(l.options.Services, "the command line")
	if len(l.options.Rules) == 0 {
		return
	}
	var all []any
	for i, r := range l.options.Rules {
		l.out.given[item("rules", i)] = "--" + r.Action.String()
		all = append(all, r)
	}
	l.out.flagRules = len(all)
	ofFile, _ := l.viper.Get("rules").([]any)
	l.viper.Set("rules", append(all, ofFile...))
}

// set puts what was given over everything before it: what is set later wins.
func (l *loader) set(given []setting) {
	for _, s := range given {
		l.viper.Set(s.key, s.value)
		l.out.given[s.key] = s.source
	}
}

// services replaces those of before.
func (l *loader) services(services []Service, source string) {
	if len(services) == 0 {
		return
	}
	if before, _ := l.viper.Get("services").([]any); len(before) > 0 {
		l.out.warn("the %d services of %s are not used: %s names others", len(before), l.out.File, source)
	}
	l.viper.Set("services", services)
	l.out.given["services"] = source
}

// finish decodes and checks what was merged.
func (l *loader) finish() {
	if err := decode(l.viper.AllSettings(), &l.out.Config); err != nil {
		if len(l.problems) == 0 { // otherwise it only says again what is wrong
			l.problem("", err.Error())
		}
		return
	}
	c := &l.out.Config
	for i := range c.Services {
		c.Services[i].complete()
	}
	l.settleWebhook()
	check := checker{config: c, options: &l.options, out: l.out, report: l.problem}
	check.all()
}

// settleWebhook obeys the precedence between two settings that say the same: what was given on the command line or in
// the environment is preferred to what the file says.
func (l *loader) settleWebhook() {
	a := &l.out.Config.Alerts.Channels
	url, file := l.out.given["alerts.webhook"], l.out.given["alerts.webhook_file"]
	switch {
	case a.Webhook == "" || a.WebhookFile == "":
	case file == "":
		a.WebhookFile = ""
		l.out.warn("alerts.webhook_file is not used: %s gives the webhook", url)
	case file[0] == '-': // a flag
		a.Webhook = ""
		l.out.warn("%s is not used: %s gives the webhook", url, file)
	default:
		l.problem("alerts.webhook_file", url+" gives a webhook too; set one of them")
	}
}
