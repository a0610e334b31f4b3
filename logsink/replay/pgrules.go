package replay

import "regexp"

// The rules by which two answers of PostgreSQL may differ.
const (
	ruleTime     = "time"
	ruleClock    = "clock"
	ruleRandom   = "random"
	ruleBackend  = "backend"
	ruleWAL      = "wal"
	rulePlan     = "explain"
	ruleSystem   = "system"
	ruleOID      = "oid"
	ruleOrder    = "order"
	ruleRows     = "rows"
	ruleMessages = "messages"
)

func postgresRules() []Rule {
	return []Rule{
		{ruleTime, "values of a statement that asks for the time (now(), CURRENT_TIMESTAMP, age(), …)", true},
		{ruleClock, "timestamps that are of the recording's own time there and of the replay's own here", true},
		{ruleRandom, "values of a statement with random(), gen_random_uuid(), TABLESAMPLE", true},
		{ruleBackend, "values of a statement that asks who serves it (pg_backend_pid(), inet_server_port(), version(), …)", true},
		{ruleWAL, "values of a statement that asks for places in the log or numbers of transactions (pg_current_wal_lsn(), …)", true},
		{rulePlan, "plans and times of EXPLAIN", true},
		{ruleSystem, "values of a statement on statistics, locks, sizes, or ctid, xmin and the like", true},
		{ruleOID, "OIDs that PostgreSQL has given to tables, types and other objects of users", true},
		{ruleOrder, "the order of rows", false},
		{ruleRows, "all values in rows", false},
		{ruleMessages, "the texts of errors; their SQLSTATE is compared", false},
	}
}

// pgWords finds what in a statement makes its values differ, and by which rule.
type pgWords []struct {
	rule string
	find *regexp.Regexp
}

func newPgWords() pgWords {
	words := func(keywords, functions string) *regexp.Regexp {
		return regexp.MustCompile(`(?i)\b(?:` + keywords + `)\b|\b(?:` + functions + `)\s*\(`)
	}
	return pgWords{
		{ruleTime, words(`current_(?:timestamp|time|date)|local(?:time|timestamp)`,
			`now|(?:clock|statement|transaction)_timestamp|timeofday|age|pg_postmaster_start_time|pg_conf_load_time`)},
		{ruleRandom, words(`tablesample`, `random|random_normal|gen_random_\w+|uuid_generate_v\d\w*|uuidv[47]|gen_salt`)},
		{ruleBackend, words(`current_user|session_user|current_catalog|pg_settings`,
			`pg_backend_pid|inet_(?:server|client)_(?:addr|port)|version|current_database|pg_my_temp_schema`)},
		{ruleWAL, words(`pg_replication_slots`, `pg_current_\w+|pg_wal_\w+|pg_last_\w+|txid_\w+|pg_xact_\w+|pg_snapshot_\w+|pg_export_snapshot`)},
		{rulePlan, regexp.MustCompile(`(?i)^\s*explain\b`)},
		{ruleSystem, words(`pg_(?:stat|statio)_\w+|pg_locks|pg_prepared_\w+|pg_cursors|ctid|xmin|xmax|cmin|cmax|reltuples|relpages|relfilenode`,
			`pg_blocking_pids|pg_\w+_size|pg_relation_filepath`)},
	}
}

// reason is the first rule by which the values of a statement may differ, or empty.
func (w pgWords) reason(statement string) string {
	for i := range w {
		if w[i].find.MatchString(statement) {
			return w[i].rule
		}
	}
	return ""
}
