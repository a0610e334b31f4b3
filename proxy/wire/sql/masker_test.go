package sql_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// planted stands for the secret in the statements below; it is written as the statement's quotes want it.
const planted = "§"

// withSecrets are the statements that set or use a password, one of each form.
func withSecrets() map[sql.Dialect][]string {
	return map[sql.Dialect][]string{
		sql.PostgreSQL: {
			"ALTER ROLE bob PASSWORD '§'",
			"CREATE USER bob WITH LOGIN ENCRYPTED PASSWORD '§' VALID UNTIL '2030-01-01'",
			"CREATE ROLE bob PASSWORD E'§' IN ROLE staff",
			"ALTER ROLE bob PASSWORD $$§$$",
			"ALTER ROLE bob PASSWORD $q$§$q$ NOSUCH",
			"ALTER ROLE bob PASSWORD U&'§'",
			"ALTER ROLE bob PASSWORD §",
			"ALTER ROLE bob PASSWORD \"§\"",
			"ALTER USER bob WITH PASSWORD '§' NOSUCHOPTION",
			"CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'x', password '§')",
			"ALTER USER MAPPING FOR bob SERVER s OPTIONS (SET password '§')",
			"CREATE SERVER s FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host 'h', password '§')",
			"CREATE SUBSCRIPTION s CONNECTION 'host=h user=u password=§' PUBLICATION p",
			"ALTER SUBSCRIPTION s CONNECTION 'postgresql://u:§@h/db'",
			"SELECT dblink_connect('c', 'host=h password=§')",
			"SELECT * FROM dblink('password=§', 'SELECT 1') AS t (a int)",
			"SELECT dblink_exec('c', 'ALTER ROLE bob PASSWORD ''§''')",
			"ALTER SYSTEM SET primary_conninfo = 'host=h password=§'",
			"SET app.password = '§'",
			"SELECT set_config('app.password', '§', false)",
			"SELECT crypt('§', gen_salt('bf'))",
			"SELECT pgp_sym_encrypt('x', '§')",
			"DO $$ BEGIN EXECUTE 'ALTER ROLE bob PASSWORD ''§'''; END $$",
			"SELECT format('ALTER ROLE %I PASSWORD %L', 'bob', '§')",
			"UPDATE users SET password = concat('a', '§'), name = 'bob'",
			"SELECT 1; ALTER ROLE bob PASSWORD '§'; SELECT 2",
			"EXPLAIN SELECT * FROM users WHERE password = '§' AND name = 'bob'",
			"COPY t FROM PROGRAM 'curl http://u:§@h/x'",
			"-- the password is §\nSELECT 1",
			"/* password: § */ SELECT 1",
			"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $b$ ALTER ROLE bob PASSWORD '§' $b$",
			"ALTER DATABASE d SET app.secret = '§'",
			"ALTER ROLE bob PASSWORD '§",
		},
		sql.MySQL: {
			"CREATE USER 'bob'@'%' IDENTIFIED BY '§'",
			"CREATE USER bob IDENTIFIED BY \"§\" REQUIRE SSL",
			"CREATE USER a IDENTIFIED BY 'x', b IDENTIFIED BY '§'",
			"ALTER USER bob IDENTIFIED WITH mysql_native_password BY '§' REPLACE '§'",
			"ALTER USER bob IDENTIFIED VIA mysql_native_password USING PASSWORD('§') OR unix_socket",
			"ALTER USER bob IDENTIFIED BY PASSWORD '§'",
			"ALTER USER bob IDENTIFIED BY §",
			"GRANT ALL ON *.* TO 'bob'@'%' IDENTIFIED BY '§' WITH GRANT OPTION",
			"SET PASSWORD FOR 'bob'@'%' = PASSWORD('§')",
			"SET PASSWORD = '§'",
			"SET PASSWORD = §",
			"CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD='§', MASTER_PORT=3306",
			"CHANGE MASTER TO MASTER_PASSWORD='x', MASTER_HOST='§'",
			"CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = '§'",
			"START REPLICA USER = 'u' PASSWORD = '§'",
			"CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (USER 'u', PASSWORD '§')",
			"CREATE OR REPLACE USER bob IDENTIFIED BY '§'",
			"/*!50706 CREATE USER bob IDENTIFIED BY '§' */",
			"/*M!100100 SET PASSWORD = '§' */",
			"PREPARE s FROM 'ALTER USER bob IDENTIFIED BY \"§\"'",
			"SET @s = 'SET PASSWORD = ''§'''",
			"SELECT PASSWORD('§')",
			"SELECT AES_ENCRYPT('x', '§')",
			"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO ALTER USER bob IDENTIFIED BY '§'",
			"CREATE USER bob IDENTIFIED BY 0x§",
			"CREATE USER bob IDENTIFIED BY _utf8mb4'§'",
			"CREATE USER bob IDENTIFIED WITH caching_sha2_password AS 0x§",
			"UPDATE mysql.user SET authentication_string = '§' WHERE User = 'bob'",
			"SET GLOBAL wsrep_sst_auth = 'bob:§'",
		},
	}
}

func mask(d sql.Dialect, raw []byte, cuts []int) ([]byte, *sql.Echoes) {
	out, echoes := bytes.Clone(raw), new(sql.Echoes)
	m := sql.NewMasker(d, true, false)
	m.Found(echoes.Remember)
	m.Begin()
	from := 0
	for _, n := range cuts {
		to := min(from+n, len(out))
		m.Mask(out[from:to])
		from = to
	}
	m.Mask(out[from:])
	m.End()
	return out, echoes
}

// rewritten draws another way of writing a statement: white space and comments between its tokens, words in any case. What
// stands in quotes and comments stays.
func rewritten(t *rapid.T, d sql.Dialect, raw string) string {
	gaps := []string{" ", "\n", "\t ", " /**/ ", "/* ' */", " -- \"\n", "\r\n"}
	if d == sql.MySQL {
		gaps = append(gaps, " # '\n")
	}
	var out strings.Builder
	quote := byte(0)
	for i := range len(raw) {
		c := raw[i]
		switch {
		case strings.HasPrefix(raw, "--"), strings.HasPrefix(raw, "/*"), strings.Contains(raw, "$"):
			out.WriteByte(c)
		case quote != 0:
			if c == quote {
				quote = 0
			}
			out.WriteByte(c)
		case c == '\'' || c == '"' || c == '`':
			quote = c
			out.WriteByte(c)
		case c == ' ':
			out.WriteString(rapid.SampledFrom(gaps).Draw(t, "gap"))
		case c|0x20 >= 'a' && c|0x20 <= 'z' && raw[max(0, i-1)] != '0' && rapid.Bool().Draw(t, "case"):
			out.WriteByte(c ^ 0x20)
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}

// TestNoSecretSurvives plants a secret in every form, writes the statement in many ways and cuts it anywhere.
func TestNoSecretSurvives(t *testing.T) {
	for d, list := range withSecrets() {
		for _, statement := range list {
			t.Run(statement, func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					secret := rapid.StringMatching(`[0-9a-f]{8,12}`).Draw(t, "secret")
					raw := []byte(strings.ReplaceAll(rewritten(t, d, statement), planted, secret))
					cuts := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 30).Draw(t, "cuts")
					checkMasked(t, d, raw, cuts, secret)
				})
			})
		}
	}
}

func checkMasked(t *rapid.T, d sql.Dialect, raw []byte, cuts []int, secret string) {
	out, echoes := mask(d, raw, cuts)
	if bytes.Contains(out, []byte(secret)) {
		t.Fatalf("the secret is still there:\n%s\n%s", raw, out)
	}
	if whole, _ := mask(d, raw, nil); !bytes.Equal(out, whole) {
		t.Fatalf("cut differently:\n%s\n%s", whole, out)
	}
	for _, detail := range []sql.Detail{sql.Fingerprint, sql.Text} {
		s := sql.Analyse(raw, d, detail, 8<<10)
		if strings.Contains(s.Text, secret) || !s.Secret {
			t.Fatalf("secret %t, told as %q", s.Secret, s.Text)
		}
	}
	answer := []byte("near '" + secret + "' at line 1, again " + string(raw))
	echoes.Begin()
	echoes.Mask(answer)
	if bytes.Contains(answer, []byte(secret)) {
		t.Fatalf("an answer repeats it: %s", answer)
	}
}
