package configs

import (
	"fmt"

	"github.com/spf13/pflag"
)

// Flag is a setting that was given on the command line.
type Flag struct {
	Name string // as it was typed: --journal
	Key  string // the setting that it gives: journal.dir
	// Value is read as the environment's values are: true or false, numbers, durations and sizes with a unit.
	Value string
}

// FlagsOf are the flags of a set that were typed and give a setting. keys maps the names of flags, without dashes, to
// the keys of settings.
func FlagsOf(set *pflag.FlagSet, keys map[string]string) []Flag {
	var flags []Flag
	set.Visit(func(f *pflag.Flag) {
		if key, ok := keys[f.Name]; ok {
			flags = append(flags, Flag{"--" + f.Name, key, f.Value.String()})
		}
	})
	return flags
}

// fromFlags reads flags; of one that was given twice the last one counts.
func fromFlags(flags []Flag) (given []setting, problems []Problem) {
	for _, f := range flags {
		t := leafType(f.Key)
		if t == nil {
			problems = append(problems, Problem{Source: f.Name, Key: f.Key, Text: fmt.Sprintf("no setting is called %q", f.Key)})
			continue
		}
		v, err := fromText(f.Value, t)
		if err != nil {
			problems = append(problems, Problem{Source: f.Name, Text: err.Error()})
			continue
		}
		given = append(given, setting{f.Key, f.Name, v})
	}
	return given, problems
}
