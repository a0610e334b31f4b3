package procfs

import (
	"path"
	"slices"
	"strings"
)

// grammar is how an interpreter's command line tells what it runs. An option is one letter in a group behind a dash
// ("-um"), or a word.
type grammar struct {
	// code, module and values are the letters whose value, the rest of the group or else the next argument, is program
	// text, the name of a module, a script, or something else.
	code, module, file, values string
	// glued are the letters that take the rest of the group and never the next argument.
	glued string
	// codeWords, moduleWords, fileWords and valueWords are the same for words.
	codeWords, moduleWords, fileWords, valueWords []string
	// words says that one dash begins a word too.
	words bool
	// commands are what may stand before the script and is part of the name: "deno run x.ts".
	commands []string
	// runners are scripts that run the script after them: "ts-node x.ts".
	runners []string
}

// subject is what is run: "server.js", "-m pytest", "-jar shop.jar", "-c"; empty when nothing is, as in a shell that
// somebody types into. Script says that it is a file. Program text is left out: it may hold anything.
func (g *grammar) subject(args []string) (subject string, script bool) {
	var commands []string
	for rest := args[min(1, len(args)):]; len(rest) > 0; {
		arg := rest[0]
		rest = rest[1:]
		switch {
		case slices.Contains(g.codeWords, arg):
			return strings.Join(append(commands, arg), " "), false
		case len(arg) > 1 && (arg[0] == '-' || arg[0] == '+') && arg != "--":
			found, used := g.option(arg, rest)
			if found != "" {
				return strings.Join(append(commands, found), " "), false
			}
			rest = rest[min(used, len(rest)):]
		case arg == "-", arg == "--", strings.HasPrefix(arg, "@"): // standard input, no more options, a file of options
		case strings.HasPrefix(arg, "/dev/"), strings.HasPrefix(arg, "/proc/"): // a script that has no name
			return strings.Join(commands, " "), false
		case len(commands) == 0 && slices.Contains(g.commands, arg), slices.Contains(g.runners, scriptName(arg)):
			commands = append(commands, scriptName(arg))
		default:
			return strings.Join(append(commands, scriptName(arg)), " "), len(commands) == 0
		}
	}
	return strings.Join(commands, " "), false
}

// option reads an option: what it says about the subject, or else how many of the arguments behind it are its value.
func (g *grammar) option(arg string, rest []string) (found string, used int) {
	value := func(glued string) string {
		if glued != "" || len(rest) == 0 {
			return strings.TrimPrefix(glued, "=")
		}
		return rest[0]
	}
	word, glued, _ := strings.Cut(arg, "=")
	switch {
	case slices.Contains(g.moduleWords, word):
		return strings.TrimSpace(word + " " + moduleName(value(glued))), 0
	case slices.Contains(g.fileWords, word):
		return scriptName(value(glued)), 0
	case slices.Contains(g.codeWords, word):
		return word, 0
	case slices.Contains(g.valueWords, arg):
		return "", 1
	case g.words || strings.HasPrefix(arg, "--"):
		return "", 0
	}
	return g.group(arg[1:], value)
}

// group reads letters behind a dash. The value of one is the rest of them or else the next argument.
func (g *grammar) group(letters string, value func(glued string) string) (found string, used int) {
	for i := range len(letters) {
		letter, after := letters[i:i+1], letters[i+1:]
		switch {
		case strings.Contains(g.code, letter):
			return "-" + letter, 0
		case strings.Contains(g.module, letter):
			return strings.TrimSpace("-" + letter + " " + moduleName(value(after))), 0
		case strings.Contains(g.file, letter):
			return scriptName(value(after)), 0
		case strings.Contains(g.values, letter) && after == "":
			return "", 1
		case strings.Contains(g.values+g.glued, letter):
			return "", 0
		}
	}
	return "", 0
}

// moduleName is a module as it was named, which may hold a slash, and only the name of a file.
func moduleName(s string) string {
	if path.IsAbs(s) || strings.HasPrefix(s, ".") || path.Ext(s) == ".jar" {
		return path.Base(s)
	}
	return s
}

// scriptName is a script's name without its folders, and of an address without what stands behind a question mark
// or before an at sign.
func scriptName(s string) string {
	if strings.Contains(s, "://") {
		s, _, _ = strings.Cut(s, "?")
		s = s[strings.LastIndexByte(s, '@')+1:]
	}
	return path.Base(s)
}
