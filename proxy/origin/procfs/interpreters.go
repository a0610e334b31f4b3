package procfs

import (
	"slices"
	"strings"
)

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
		return javascript()
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

// javascript is node, of which many options take the next argument for their value.
func javascript() *grammar {
	return &grammar{code: "ep", values: "rC", codeWords: []string{"--eval", "--print"},
		valueWords: []string{
			"--require", "--import", "--loader", "--experimental-loader", "--conditions", "--env-file", "--title",
			"--env-file-if-exists", "--inspect-port", "--debug-port", "--icu-data-dir", "--openssl-config", "--watch-path",
			"--input-type", "--diagnostic-dir", "--redirect-warnings", "--trace-event-categories", "--dns-result-order",
			"--disable-warning", "--unhandled-rejections", "--test-reporter", "--test-name-pattern", "--stack-trace-limit",
			"--test-reporter-destination", "--test-concurrency", "--max-http-header-size", "--use-largepages",
		},
		runners: []string{"ts-node", "ts-node-esm", "tsx", "nodemon", "coffee"}}
}
