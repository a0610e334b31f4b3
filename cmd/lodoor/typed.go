package main

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/configs"
)

// fromCommandLine is where the configuration says that services come from when arguments gave them.
const fromCommandLine = "the command line"

// loadError is a usage error when everything that is wrong was typed on the command line, and otherwise one of the
// configuration. What was typed is told as it was typed.
func (f *runFlags) loadError(err error, args []string) error {
	var problems *configs.Error
	if !errors.As(err, &problems) {
		return configError(err)
	}
	wrap := usageError
	told := &configs.Error{}
	for _, p := range problems.Problems {
		if p.File != "" || (p.Source != fromCommandLine && !strings.HasPrefix(p.Source, "--")) {
			wrap = configError
		}
		told.Problems = append(told.Problems, f.typed(p, args))
	}
	return wrap(told)
}

// typed tells a problem with the argument or the flag that it is about, instead of with the setting that those gave.
func (f *runFlags) typed(p configs.Problem, args []string) configs.Problem {
	services := regexp.MustCompile(`services\[(\d+)\]`)
	switch {
	case strings.HasPrefix(p.Source, "--"):
		p.Key = ""
	case p.Source != fromCommandLine:
	case len(args) == 0:
		p.Source, p.Key = f.longFlag(p.Key), ""
	default:
		argument := func(place string) string {
			i, err := strconv.Atoi(services.ReplaceAllString(place, "$1"))
			if err != nil || i >= len(args) {
				return place
			}
			return strconv.Quote(args[i])
		}
		p.Source, p.Key = argument(services.FindString(p.Key)), ""
		p.Text = services.ReplaceAllStringFunc(p.Text, argument)
	}
	return p
}

// longFlag is the flag that gave a setting of the one service of --listen, --backend and --name.
func (f *runFlags) longFlag(key string) string {
	field := key[strings.LastIndexByte(key, '.')+1:]
	switch {
	case strings.HasPrefix(field, "listen"):
		return "--listen"
	case field == "name" && f.name != "":
		return "--name"
	default:
		return "--backend"
	}
}
