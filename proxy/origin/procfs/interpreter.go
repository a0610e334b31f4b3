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

// interpreterOf is what people call an interpreter, and how to read its arguments; nil when name is none.
func interpreterOf(name string) (string, *grammar) {
	if strings.HasPrefix(name, "ld-linux") || strings.HasPrefix(name, "ld-musl-") {
		return "", &grammar{words: true, valueWords: []string{
			"--library-path", "--inhibit-rpath", "--audit", "--preload", "--argv0", "--glibc-hwcaps-prepend",
			"--glibc-hwcaps-mask",
		}}
	}
	kind := withoutVersion(name)
	switch kind {
	case "nodejs", "node-MainThread":
		kind = "node"
	case "busybox", "toybox":
		return kind, &grammar{}
	}
	if slices.Contains([]string{"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "rbash"}, kind) {
		return kind, &grammar{code: "c", values: "oO", valueWords: []string{"--rcfile", "--init-file"},
			codeWords: []string{"--command"}}
	}
	if g := scripting(kind); g != nil {
		return kind, g
	}
	return kind, machine(kind)
}

// scripting are the interpreters of scripts.
func scripting(kind string) *grammar {
	switch kind {
	case "python", "pypy":
		return &grammar{code: "c", module: "m", values: "WXQ", valueWords: []string{"--check-hash-based-pycs"}}
	case "ruby", "jruby", "truffleruby":
		return &grammar{code: "e", values: "CEIr", glued: "FKTWix",
			valueWords: []string{"--encoding", "--external-encoding", "--internal-encoding"}}
	case "perl":
		return &grammar{code: "eE", values: "I", glued: "CDFMVimx"}
	case "php":
		return &grammar{code: "rBRE", file: "fF", values: "cdzSt", codeWords: []string{"--run"},
			fileWords: []string{"--file"}, valueWords: []string{"--php-ini", "--define", "--server", "--docroot"}}
	case "lua", "luajit":
		return &grammar{code: "e", values: "lj", glued: "bO"}
	case "tclsh", "wish", "expect":
		return &grammar{code: "c", values: "f", words: kind != "expect", valueWords: []string{"-encoding"}}
	case "Rscript":
		return &grammar{code: "e", valueWords: []string{"-g"}}
	case "julia":
		return &grammar{code: "eE", values: "JCtpL", codeWords: []string{"--eval", "--print"},
			valueWords: []string{"--sysimage", "--threads", "--procs", "--load"}}
	case "R":
		return &grammar{code: "e", values: "fgd", fileWords: []string{"--file"}}
	case "guile", "mono":
		return &grammar{code: "c", values: "Ll", words: kind == "mono"}
	default:
		return nil
	}
}

// machine are the engines of JavaScript, the Java and .NET machines, and what is started like them.
func machine(kind string) *grammar {
	switch kind {
	case "node", "iojs":
		return &grammar{code: "ep", values: "rC", codeWords: []string{"--eval", "--print"},
			valueWords: []string{
				"--require", "--import", "--loader", "--experimental-loader", "--conditions", "--env-file", "--title",
				"--env-file-if-exists", "--inspect-port", "--debug-port", "--icu-data-dir", "--openssl-config", "--watch-path",
				"--input-type", "--diagnostic-dir", "--redirect-warnings", "--trace-event-categories", "--dns-result-order",
				"--disable-warning", "--unhandled-rejections", "--test-reporter", "--test-name-pattern", "--stack-trace-limit",
				"--test-reporter-destination", "--test-concurrency", "--max-http-header-size", "--use-largepages",
			},
			runners: []string{"ts-node", "ts-node-esm", "tsx", "nodemon", "coffee"}}
	case "java", "javaw":
		return &grammar{words: true, moduleWords: []string{"-jar", "-m", "--module"}, valueWords: []string{
			"-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path", "--add-modules",
			"--add-opens", "--add-exports", "--add-reads", "--limit-modules", "--patch-module", "--source",
			"--enable-native-access", "-d", "--describe-module",
		}}
	case "deno":
		return &grammar{words: true, codeWords: []string{"eval"},
			commands: []string{"run", "task", "serve", "test", "bench", "x"}, valueWords: []string{
				"-c", "--config", "--import-map", "-L", "--log-level", "--lock", "--cert", "--seed", "--location", "--ext",
				"--port", "--host", "--cwd",
			}}
	case "bun", "bunx":
		return &grammar{words: true, codeWords: []string{"-e", "--eval", "-p", "--print"},
			commands: []string{"run", "x", "test"}, valueWords: []string{
				"-r", "--preload", "-c", "--config", "--cwd", "--port", "--env-file", "-l", "--loader", "-d", "--define",
				"--tsconfig-override",
			}}
	case "dotnet":
		return &grammar{words: true, commands: []string{"exec", "run", "watch", "test"}, valueWords: []string{
			"--additionalprobingpath", "--additional-deps", "--fx-version", "--depsfile", "--runtimeconfig",
			"--roll-forward", "--roll-forward-on-no-candidate-fx", "--project", "-p", "--framework", "-f", "-c",
			"--configuration", "--launch-profile",
		}}
	case "uv", "uvx":
		return &grammar{words: true, moduleWords: []string{"-m", "--module"}, commands: []string{"run", "tool"},
			valueWords: []string{
				"--with", "--python", "-p", "--extra", "--group", "--env-file", "--project", "--directory", "--package",
				"--from", "--index-url", "--with-requirements", "--with-editable",
			}}
	default:
		return nil
	}
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
