package configs

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Variables that are no settings.
const (
	envFile = envPrefix + "CONFIG" // the configuration file
	envRun  = envPrefix + "RUN"    // services in the short form, separated by commas
)

// EnvName is an environment variable that lodoor reads.
type EnvName struct {
	Name string
	Key  string // the setting that it gives
}

// EnvNames are all variables that give one setting, sorted by the setting's place in [Config].
func EnvNames() []EnvName {
	var names []EnvName
	for _, l := range leavesOf(configType()) {
		names = append(names, EnvName{envName(l.key), l.key})
		if alias := envAlias(l.key); alias != envName(l.key) {
			names = append(names, EnvName{alias, l.key})
		}
	}
	return names
}

// variables are what environ says; a variable that is set but empty is as if it were not there.
func variables(environ []string) map[string]string {
	vars := make(map[string]string)
	for _, e := range environ {
		if name, value, _ := strings.Cut(e, "="); value != "" {
			vars[name] = value
		}
	}
	return vars
}

// setting is a value that was given outside a file.
type setting struct {
	key    string
	source string // what gave it, for people
	value  any
}

// fromEnvironment reads all LODOOR_ variables, apart from those that are no settings.
func fromEnvironment(vars map[string]string) (given []setting, problems []Problem) {
	names := slices.Sorted(maps.Keys(vars))
	names = slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, envPrefix) || name == envFile || name == envRun
	})
	if len(names) == 0 {
		return nil, nil // as nearly always: all the settings' names take a millisecond of a start
	}
	known := make(map[string]string)
	for _, n := range EnvNames() {
		known[n.Name] = n.Key
	}
	for _, name := range names {
		value := vars[name]
		key, ok := known[name]
		if !ok {
			if !injected(name, value) {
				problems = append(problems, Problem{Source: name, Text: unknownVariable(name)})
			}
			continue
		}
		v, err := fromText(value, leafType(key))
		if err != nil {
			problems = append(problems, Problem{Source: name, Key: key, Text: err.Error()})
			continue
		}
		if i := slices.IndexFunc(given, func(s setting) bool { return s.key == key }); i >= 0 && given[i].value != v {
			problems = append(problems, Problem{Source: name, Key: key, Text: given[i].source + " says something else; set one of them"})
			continue
		}
		given = append(given, setting{key, name, v})
	}
	return given, problems
}

// leafType is the type of a setting that the environment can give; nil when there is none of that name.
func leafType(key string) reflect.Type {
	for _, l := range leavesOf(configType()) {
		if l.key == key {
			return l.typ
		}
	}
	return nil
}

func unknownVariable(name string) string {
	names := []string{envFile, envRun}
	for _, n := range EnvNames() {
		names = append(names, n.Name)
	}
	text := "unknown variable"
	for _, key := range keysOf(configType(), "") {
		if inner, _, isList := strings.Cut(key, "[]"); isList && strings.HasPrefix(name, envName(inner)) {
			return fmt.Sprintf("%s: %s is a list, which only a file can give (services also %s)", text, inner, envRun)
		}
	}
	if meant := nearest(name, names); meant != "" {
		text += fmt.Sprintf("; did you mean %s?", meant)
	}
	return text
}

// injected says whether Kubernetes or Docker set a variable by itself, because of a service or a linked container that
// is called lodoor: LODOOR_PORT=tcp://10.0.0.1:62893, LODOOR_SERVICE_HOST and their kin. They are not meant for us.
func injected(name, value string) bool {
	if regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`).MatchString(name) {
		return true
	}
	return strings.HasSuffix(name, "_PORT") && regexp.MustCompile(`^(tcp|udp|sctp)://`).MatchString(value)
}
