package procfs

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestRedact(t *testing.T) {
	// The arguments stand with a | between them.
	for _, tc := range []struct{ args, want string }{
		// What has no hunter2 stays as it is.
		{"psql|-h|127.0.0.1|-p|5432|-U|app|shop", ""},
		{"psql|host=/run user=app dbname=shop", ""},
		{"psql|postgresql://app@127.0.0.1:5432/shop?sslmode=disable", ""},
		{"mysql|-hprod|-uroot|-P3306|shop", ""},
		{"redis-cli|-h|127.0.0.1|-p|6379|GET|user:1", ""},
		{"curl|-sS|-X|POST|-H|Accept: text/html|http://127.0.0.1:8080/a?b=c", ""},
		{"node|--inspect|server.js|--port=80", ""},
		{"java|-Xmx1g|-Dserver.port=80|-jar|shop.jar", ""},
		{"ssh|-L|5432:db:5432|me@host", ""},
		{"sudo|-u|postgres|psql", ""},
		{"bash|-c|for i in 1 2 3; do echo $i; done", ""},
		{"git|commit|--author|Me <me@host>", ""},
		// URLs.
		{"psql|postgresql://u:hunter2@h/db", "psql|postgresql://u:***@h/db"},
		{"psql|postgresql://u:s%40un%2Fter@h/db", "psql|postgresql://u:***@h/db"},
		{"psql|postgresql://u:hun@ter/hunter2@h/db", "psql|postgresql://u:***@h/db"},
		{"psql|postgresql://h/db?user=u&password=hunter2&x=1", "psql|postgresql://h/db?user=u&password=***&x=1"},
		{"psql|postgresql://h/db?sslpassword=hunter2", "psql|postgresql://h/db?sslpassword=***"},
		{"psql|postgresql://h/db?pass%77ord=hunter2", "psql|***"},
		{"x|--url=https://h/?u=postgres%3A%2F%2Fu%3Asecret%40h", "x|***"},
		{"x|https://a@h/?u=postgres%3a%2F%2fu%3Asecret%40h%zz", "x|***"},
		{"redis-cli|-u|redis://:hunter2@h:6379", "redis-cli|-u|redis://:***@h:6379"},
		{"mongosh|mongodb+srv://u:hunter2@h/db", "mongosh|mongodb+srv://u:***@h/db"},
		{"java|-jar|x.jar|--url=jdbc:postgresql://h/db?user=u&password=hunter2",
			"java|-jar|x.jar|--url=jdbc:postgresql://h/db?user=u&password=***"},
		{"java|jdbc:sqlserver://h;user=u;password=my hunter2;x=1", "java|jdbc:sqlserver://h;user=u;password=***"},
		{"java|jdbc:oracle:thin:scott/hunter2@//h:1521/x", "java|jdbc:***@//h:1521/x"},
		{"nats|-s|nats://a:hunter2@h1,nats://b:hunter2@h2", "nats|-s|nats://a:***@h2"},
		{"git|clone|https://hunter2@h/x", "git|clone|https://***@h/x"},
		{"git|clone|https://hunter2:x-oauth-basic@h/x", "git|clone|https://***@h/x"},
		{"git|clone|HTTPS://hunter2:@h/x", "git|clone|HTTPS://***@h/x"},
		{"curl|http://h/?token=hunter2#x", "curl|http://h/?token=***#x"},
		{"x|u:hunter2@h:5", "x|u:***@h:5"},
		{"x|a%25252525%3Db", ""},
		{"x|http://h/" + strings.Repeat("%25", 6) + strings.Repeat("25", 6), "x|***"},
		{"x|" + strings.Repeat("long", 5000), "x|***"},
		// Options.
		{"x|--password|hunter2|y", "x|--password|***|y"},
		{"x|--password=hunter2", "x|--password=***"},
		{"x|--password=two hunter2 words", "x|--password=***"},
		{"x|--password=|hunter2", "x|--password=|***"},
		{"x|--password:hunter2", "x|--password:***"},
		{"x|-password|hunter2", "x|-password|***"},
		{"x|--password|--secret|--token|hunter2", "x|--password|***|***|***"},
		{"x|--pass|hunter2", "x|--pass|***"},
		{"x|--token|hunter2|--api-key|hunter2|--secret|hunter2", "x|--token|***|--api-key|***|--secret|***"},
		{"x|--authToken=hunter2|--client.key=hunter2", "x|--authToken=***|--client.key=***"},
		{"--password|hunter2", "--password|***"},
		{"aws|configure|set|aws_secret_access_key|hunter2", "aws|configure|set|aws_secret_access_key|***"},
		{"kubectl|create|--from-literal|a=hunter2", "kubectl|create|--from-literal|***"},
		// NAME=value.
		{"env|PGPASSWORD=hunter2|psql", "env|PGPASSWORD=***|psql"},
		{"sudo|DB_PASS=two hunter2 words|x", "sudo|DB_PASS=***|x"},
		{"docker|run|-e|API_TOKEN=hunter2|--env=REDISCLI_AUTH=hunter2", "docker|run|-e|API_TOKEN=***|--env=REDISCLI_AUTH=***"},
		{"x|AWS_SECRET_ACCESS_KEY=hunter2|GPG_CREDENTIALS=hunter2", "x|AWS_SECRET_ACCESS_KEY=***|GPG_CREDENTIALS=***"},
		{"java|-Djavax.net.ssl.keyStorePassword=hunter2", "java|-Djavax.net.ssl.keyStorePassword=***"},
		// libpq.
		{"psql|host=x password=hunter2 user=u", "psql|host=x password=*** user=u"},
		{"psql|host=x password = 'my hunter2' user=u", "psql|host=x password = *** user=u"},
		{"psql|password=hunter2 host=x", "psql|password=***"},
		{"psql|host=x password='unended hunter2", "psql|host=x password=***"},
		{"x|Server=x; Password=my hunter2;Y=1", "x|Server=x; Password=***"},
		// Programs' own ways.
		{"mysql|-uroot|-phunter2|shop", "mysql|-uroot|-p***|shop"},
		{"mysql|-vpsecret", "mysql|-vp***"},
		{"mariadb-dump|-u|root|-phunter2|shop", "mariadb-dump|-u|root|-p***|shop"},
		{"mysql|-p|hunter2", "mysql|-p|***"},
		{"docker|exec|db|/usr/bin/mysql|-phunter2", "docker|exec|db|/usr/bin/mysql|-p***"},
		{"psql|-p5432", ""},
		{"psql|-c|alter role bob password 'hunter2'", "psql|-c|***"},
		{"mariadb|-e|ALTER USER bob IDENTIFIED BY 'hunter2'", "mariadb|-e|***"},
		{"mysql|--execute=CREATE USER c IDENTIFIED WITH x AS 'hunter2'", "mysql|***"},
		{"mysql|-e|SELECT PASSWORD('hunter2')", "mysql|-e|***"},
		{"redis-cli|-a|hunter2|PING", "redis-cli|-a|***|PING"},
		{"redis-cli|--pass|hunter2", "redis-cli|--pass|***"},
		{"redis-cli|AUTH|hunter2|hunter2", "redis-cli|AUTH|***|***"},
		{"redis-cli|CONFIG|SET|requirepass|hunter2", "redis-cli|CONFIG|SET|requirepass|***"},
		{"redis-server|*:6379|--requirepass|hunter2", "redis-server|*:6379|--requirepass|***"},
		{"curl|-u|u:hunter2|http://h", "curl|-u|***|http://h"},
		{"curl|-sSu|hunter2:|http://h", "curl|-sSu|***|http://h"},
		{"curl|-uu:hunter2", "curl|-u***"},
		{"curl|-U|u:hunter2|--user|u:hunter2", "curl|-U|***|--user|***"},
		{"curl|--user=u:hunter2", "curl|--user=u:***"},
		{"curl|-H|Authorization: Bearer hunter2", "curl|-H|Authorization: ***"},
		{"curl|-HX-Api-Key:hunter2", "curl|-HX-Api-Key:***"},
		{"curl|-b|hunter2|-d|{\"password\":\"hunter2\"}", "curl|-b|***|-d|{\"password\":***"},
		{"x|-u|u:hunter2|-u|hunter2:", "x|-u|u:***|-u|***"},
		{"smbclient|//h/share|-U|u%hunter2", "smbclient|//h/share|-U|u%***"},
		{"smbclient|--user=u%hunter2", "smbclient|--user=u%***"},
		{"sshpass|-p|hunter2|ssh|h", "sshpass|-p|***|ssh|h"},
		{"sshpass|-phunter2|ssh|h", "sshpass|-p***|ssh|h"},
		{"openssl|rsa|-passin|pass:hunter2|-in|x", "openssl|rsa|-passin|***|-in|x"},
		{"openssl|enc|-aes256|pass:hunter2|-k|hunter2", "openssl|enc|-aes256|pass:***|-k|***"},
		{"ldapsearch|-x|-D|cn=a|-w|hunter2|-b|c", "ldapsearch|-x|-D|cn=a|-w|***|-b|c"},
		{"ldapsearch|-xwhunter2", "ldapsearch|-xw***"},
		{"sqlplus|scott/hunter2@db", "sqlplus|***"},
		{"sqlcmd|-S|h|-U|sa|-P|hunter2", "sqlcmd|-S|h|-U|sa|-P|***"},
		{"mongosh|-u|u|-p|hunter2", "mongosh|-u|u|-p|***"},
		{"vault|login|hunter2", "vault|login|***"},
		{"htpasswd|-nbB|u|hunter2", "htpasswd|-nbB|***|***"},
		// Commands in an argument, and titles.
		{"bash|-c|mysql -uroot -phunter2 shop", "bash|-c|***"},
		{"bash|-c|mysql -p\"hunter2\" shop", "bash|-c|***"},
		{"bash|-c|exec redis-cli -a 'hunter2'", "bash|-c|***"},
		{"bash|-c|x --password hunter2", "bash|-c|***"},
		{"bash|-c|cd /x && PGPASSWORD=hunter2 psql -h h", "bash|-c|cd /x && PGPASSWORD=*** psql -h h"},
		{"bash|-c|echo Authorization: Bearer hunter2", "bash|-c|echo Authorization: ***"},
		{"python|-c|run(['mysql','-phunter2'])", ""}, // no spaces: see below
		{"python|-c|run(['mysql', '-phunter2'])", "python|-c|***"},
		{"npm run dev --token hunter2", "***"},
		{"npm run dev --token=hunter2", "npm run dev --token=***"},
		{"postgres: app db 127.0.0.1(5) idle", ""},
		// Keys.
		{"x|ghp_hunter2|--y=sk_live_hunter2", "x|***|***"},
	} {
		if tc.want == "" {
			tc.want = tc.args
		}
		args := strings.Split(tc.args, "|")
		got := redact(args[0], args)
		if strings.Join(got, "|") != tc.want {
			t.Errorf("%s\nbecomes %s\nwant    %s", tc.args, strings.Join(got, "|"), tc.want)
		}
		if again := redact(args[0], got); strings.Join(again, "|") != tc.want {
			t.Errorf("%s\nonce more %s", tc.want, strings.Join(again, "|"))
		}
	}
}

// The program may be known only by its file.
func TestRedactKnowsTheExecutable(t *testing.T) {
	for _, exe := range []string{"/usr/bin/mysql", "/usr/bin/mariadb (deleted)", "/opt/mysql8.0"} {
		if got := redact(exe, []string{"db", "-psecret"}); got[1] != "-p***" {
			t.Errorf("%s: %q", exe, got)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("mysql\x00-h\x00x", "-D x=y")
	f.Add("bash\x00-c\x00%", "'")
	f.Add("x\x00&password=a?", "://@:")
	f.Add("a:b@c\x00\"token\": ", "@")
	f.Fuzz(func(t *testing.T, before, behind string) {
		const marker = "S3Kr1T"
		if strings.Contains(before+behind, marker) || strings.HasPrefix(behind, "//") { // -u u://x is an address
			return
		}
		args := append([]string{"x"}, strings.Split(before, "\x00")...)
		for _, secret := range [][]string{
			{"--password", marker + behind}, {"--password", behind + marker}, {"--password=" + behind + marker},
			{"--api-key=" + marker + behind}, {"-token", marker}, {"DB_PASSWORD=" + behind + marker}, {"mysql", "-p" + marker},
			{"redis-cli", "-a", behind + marker}, {"postgresql://u:" + marker + "@h"}, {"-u", "u:" + behind + marker},
			{"sh", "-c", "x --password " + marker},
		} {
			line := append(args[:len(args):len(args)], secret...)
			if len(line) > flow.CommandLineMax {
				return
			}
			if got := CommandLineRedacted.line("", append(line, strings.Split(behind, "\x00")...)); strings.Contains(got, marker) {
				t.Fatalf("%q\nkeeps the secret in %s", line, got)
			}
		}
		if got := CommandLineRedacted.line("", args); len(got) > flow.CommandLineMax {
			t.Errorf("%d bytes", len(got))
		} else if utf8.ValidString(before) && !utf8.ValidString(got) {
			t.Errorf("cut within a character: %q", got)
		}
	})
}
