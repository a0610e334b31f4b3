package procfs

import (
	"strings"
	"testing"
)

func TestProgram(t *testing.T) {
	// The arguments stand with a | between them.
	for _, tc := range []struct{ want, exe, comm, args string }{
		// What is its own name.
		{"postgres", "/usr/lib/postgresql/15/bin/postgres", "postgres", "postgres|-D|/var"},
		{"psql", "/usr/lib/postgresql/15/bin/psql", "psql", "/usr/lib/postgresql/15/bin/psql|-p|5432|app"},
		{"prometheus-node-exporter", "/usr/bin/prometheus-node-exporter", "prometheus-node", "/usr/bin/prometheus-node-exporter"},
		{"prometheus-node-exporter", "", "prometheus-node", "/usr/bin/prometheus-node-exporter|--x"},
		{"prometheus-node", "", "prometheus-node", ""},
		{"cat", "/usr/bin/cat", "", ""},
		{"", "", "", ""},
		{"kworker/0:1-events", "", "kworker/0:1-events", ""},
		{"server", "/opt/app/server (deleted)", "server", "./server"},
		{"x (deleted)", "/opt/x (deleted) (deleted)", "", ""},
		{"main", "/tmp/go-build123/b001/exe/main", "main", "/tmp/go-build123/b001/exe/main"},
		{"origin.test", "/tmp/go-build4/b154/origin.test", "origin.test", "/tmp/go-build4/b154/origin.test|-test.v"},
		{"seal", "/memfd:sealed (deleted)", "3", "/usr/bin/seal|x"},
		// What its threads write in its name.
		{"firefox", "/usr/lib/firefox/firefox", "Isolated Web Co", "/usr/lib/firefox/firefox|-contentproc|tab"},
		{"chrome", "/opt/google/chrome/chrome", "chrome", "/opt/google/chrome/chrome --type=renderer --x=/a/b"},
		{"chrome", "", "chrome", "/opt/google/chrome/chrome --type=renderer --x=/a/b"},
		{"vi", "/usr/bin/vim.basic", "vi", "vi|/etc/hosts"},
		{"ls", "/bin/busybox", "ls", "ls|-l"},
		{"sh", "/bin/busybox", "sh", "-sh"},
		{"busybox wget", "/bin/busybox", "busybox", "busybox|wget|http://u:p@h/"},
		{"foo", "/nix/store/abc/bin/.foo-wrapped", ".foo-wrapped", "/nix/store/abc/bin/.foo-wrapped|x"},
		{"foo", "/nix/store/abc/bin/.foo-wrapped", "foo", "foo|x"},
		{"Beekeeper", "/tmp/.mount_Beekeepera1b2C3/AppRun", "AppRun.real", "x"},
		{"beekeeper-studio", "/tmp/.mount_Beekeepera1b2C3/beekeeper-studio", "beekeeper-studi", "./beekeeper-studio|y"},
		{"dbeaver", "/snap/dbeaver-ce/300/usr/share/dbeaver", "dbeaver", "/snap/dbeaver-ce/300/usr/share/dbeaver"},
		// Titles.
		{"postgres", "/usr/lib/postgresql/15/bin/postgres", "postgres", "postgres: app db 127.0.0.1(5) idle"},
		{"postgres", "", "postgres", "postgres: 15/main: checkpointer "},
		{"nginx", "/usr/sbin/nginx", "nginx", "nginx: worker process"},
		{"sshd", "/usr/sbin/sshd", "sshd", "sshd: me@pts/0"},
		{"gunicorn", "/usr/bin/python3.11", "gunicorn: maste", "gunicorn: master [app]"},
		{"celeryd", "/usr/bin/python3.11", "celery", "[celeryd: w1@host:MainProcess] -active-"},
		{"puma", "/usr/bin/ruby3.1", "puma 6.4.0 (tcp", "puma 6.4.0 (tcp://0.0.0.0:3000) [app]"},
		{"npm run dev", "/usr/bin/node", "npm run dev", "npm run dev"},
		{"npm run dev", "/usr/bin/node", "npm run dev --t", "npm run dev --token=x"},
		{"npm exec", "/usr/bin/node", "npm exec x=1", "npm exec x=1"},
		{"node", "/usr/bin/node", "redis://u:p@h x", "redis://u:p@h x"},
		// Shells.
		{"bash", "/usr/bin/bash", "bash", "-bash"},
		{"bash deploy.sh", "/usr/bin/bash", "bash", "bash|-x|./deploy.sh|prod"},
		{"bash deploy.sh", "/usr/bin/bash", "deploy.sh", "/bin/bash|./deploy.sh"},
		{"deploy", "/usr/bin/bash", "deploy", "/bin/bash|/usr/local/bin/deploy"},
		{"bash -c", "/usr/bin/bash", "bash", "bash|-lc|mysql -psecret"},
		{"bash run.sh", "/usr/bin/bash", "bash", "bash|-euo|pipefail|run.sh"},
		{"bash run.sh", "/usr/bin/bash", "bash", "bash|--rcfile|x|+o|history|run.sh"},
		{"sh x.sh", "/usr/bin/dash", "sh", "sh|x.sh"},
		{"dash x.sh", "/usr/bin/dash", "dash", "dash|--|x.sh"},
		{"bash", "/usr/bin/bash", "bash", "bash|/dev/fd/63|x"},
		{"zsh", "/usr/bin/zsh", "zsh", "zsh|-s"},
		// Python.
		{"python", "/usr/bin/python3.11", "python3", "python3"},
		{"python manage.py", "/usr/bin/python3.11", "python", "python|manage.py|runserver"},
		{"python -m pytest", "/usr/bin/python3.11", "python3", "python3|-m|pytest|-x"},
		{"python -m pytest", "/usr/bin/python3.11", "python3", "python3|-um|pytest"},
		{"python -m pytest", "/usr/bin/python3.11", "pt_main_thread", "python3|-X|dev|-Wignore|-mpytest"},
		{"python -c", "/usr/bin/python3.11", "python3", "python3|-c|print('secret')"},
		{"python app.py", "", "python3.11", "/usr/bin/python3.11|-u|/srv/app.py"},
		{"gunicorn", "/usr/bin/python3.11", "gunicorn", "/usr/bin/python3|/usr/bin/gunicorn|app"},
		{"python gunicorn", "/usr/bin/python3.11", "python3", "python3|/usr/bin/gunicorn|app"},
		{"pypy x.py", "/usr/bin/pypy3.9", "pypy3.9", "pypy3.9|x.py"},
		{"python", "/usr/bin/python3.11", "python3", "python3|-"},
		// JavaScript.
		{"node server.js", "/usr/bin/node", "node-MainThread", "node|server.js"},
		{"node server.js", "/usr/bin/node", "node", "node|--inspect|-r|x|--require|y|--import=z|/srv/server.js|--port|1"},
		{"node -e", "/usr/bin/node", "node", "node|-e|console.log('secret')"},
		{"node -p", "/usr/bin/node", "node", "node|-pe|1"},
		{"node --eval", "/usr/bin/node", "node", "node|--eval=secret"},
		{"node", "/usr/bin/node", "node", "node"},
		{"ts-node x.ts", "/usr/bin/node", "node", "node|/usr/bin/ts-node|--files|src/x.ts"},
		{"node a.js", "/usr/bin/nodejs-20", "MainThread", "nodejs|a.js"},
		{"deno run x.ts", "/usr/bin/deno", "deno", "deno|run|--allow-net|-c|deno.json|src/x.ts"},
		{"deno run x.ts", "/usr/bin/deno", "deno", "deno|run|https://u:p@h/x.ts?token=1"},
		{"deno task dev", "/usr/bin/deno", "deno", "deno|task|dev"},
		{"deno eval", "/usr/bin/deno", "deno", "deno|eval|secret"},
		{"bun x.ts", "/usr/bin/bun", "bun", "bun|--hot|x.ts"},
		{"bun run dev", "/usr/bin/bun", "bun", "bun|run|dev"},
		// Java and .NET.
		{"java -jar shop.jar", "/usr/lib/jvm/17/bin/java", "java", "java|-Xmx1g|-jar|/srv/shop.jar|--x"},
		{"java com.example.Main", "/usr/lib/jvm/17/bin/java", "java", "java|-cp|a.jar:b.jar|-Dp=secret|com.example.Main|x"},
		{"java com.example.Main", "", "java", "java|-classpath|a|--module-path|b|--add-opens|c=d|com.example.Main"},
		{"java -m shop/com.Main", "/usr/lib/jvm/17/bin/java", "java", "java|-p|mods|-m|shop/com.Main"},
		{"java --module shop/com.Main", "/usr/lib/jvm/17/bin/java", "java", "java|--module=shop/com.Main"},
		{"java Foo.java", "/usr/lib/jvm/17/bin/java", "java", "java|@options|src/Foo.java"},
		{"dotnet x.dll", "/usr/bin/dotnet", "dotnet", "dotnet|--roll-forward|Major|bin/x.dll"},
		{"dotnet exec x.dll", "/usr/bin/dotnet", "dotnet", "dotnet|exec|--depsfile|d|bin/x.dll"},
		// The others.
		{"ruby rails", "/usr/bin/ruby3.1", "ruby", "ruby|-I|lib|-rbundler|-W0|bin/rails|server"},
		{"ruby -e", "/usr/bin/ruby3.1", "ruby", "ruby|-ne|secret"},
		{"perl x.pl", "/usr/bin/perl", "perl", "perl|-w|-I|lib|-MData::Dumper|x.pl"},
		{"perl -e", "/usr/bin/perl", "perl", "perl|-lne|secret"},
		{"php artisan", "/usr/bin/php8.2", "php", "php|-d|x=1|artisan|serve"},
		{"php x.php", "/usr/bin/php8.2", "php", "php|-f|/srv/x.php"},
		{"php", "/usr/bin/php8.2", "php", "php|-S|127.0.0.1:80"},
		{"php-fpm", "/usr/sbin/php-fpm8.2", "php-fpm8.2", "php-fpm: pool www"},
		{"lua x.lua", "/usr/bin/lua5.4", "lua", "lua|-l|socket|x.lua"},
		{"tclsh x.tcl", "/usr/bin/tclsh8.6", "tclsh", "tclsh|-encoding|utf-8|x.tcl"},
		{"Rscript x.R", "/usr/bin/Rscript", "Rscript", "Rscript|--vanilla|x.R"},
		{"R x.R", "/usr/lib/R/bin/exec/R", "R", "/usr/lib/R/bin/exec/R|--no-echo|--file=/srv/x.R|--args"},
		{"uv run app.py", "/usr/bin/uv", "uv", "uv|run|--with|httpx|app.py"},
		{"foo", "/usr/lib64/ld-linux-x86-64.so.2", "ld-linux-x86-64", "/lib64/ld-linux-x86-64.so.2|--library-path|/x|/opt/foo"},
	} {
		var args []string
		if tc.args != "" {
			args = strings.Split(tc.args, "|")
		}
		if got := programOf(tc.exe, tc.comm, args); got != tc.want {
			t.Errorf("%q, %q, %q: %q, want %q", tc.exe, tc.comm, args, got, tc.want)
		}
	}
}

func FuzzProgram(f *testing.F) {
	f.Add("/usr/bin/python3", "python3", "python3\x00-um\x00x\x00")
	f.Add("", "", "npm run \x00")
	f.Add("/usr/bin/java", "java", "java\x00-m\x00")
	f.Fuzz(func(t *testing.T, exe, comm, line string) {
		args := splitArguments([]byte(line))
		if got := programOf(exe, comm, args); len(got) > len(exe)+len(comm)+len(line)+20 {
			t.Errorf("%q", got)
		}
	})
}
