package history

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	schemaVersion = 1
	// applicationID marks the file as ours: "lodr" in ASCII (https://sqlite.org/pragma.html#pragma_application_id).
	applicationID = 0x6c6f6472
	// partBits is how many records share a part of by_session, as a power of two.
	partBits = 12
)

// schema is what a new file gets. by_time has all that most searches look at, so that they read lines only of what they
// find. Sessions are random: an index over all of them would change a page anywhere for each, and write ten times what
// it holds. So every 4,096 records have a part of their own in by_session, of a few pages, and a search looks into each.
const schema = `
CREATE TABLE epochs (id INTEGER PRIMARY KEY, journal TEXT NOT NULL, epoch TEXT NOT NULL, last INTEGER NOT NULL,
	UNIQUE (journal, epoch));
CREATE TABLE positions (journal TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE kinds (id INTEGER PRIMARY KEY, event TEXT NOT NULL, service TEXT NOT NULL, verdict TEXT NOT NULL,
	zones TEXT NOT NULL, programs TEXT NOT NULL, users TEXT NOT NULL,
	UNIQUE (event, service, verdict, zones, programs, users));
CREATE TABLE dictionary (bytes BLOB NOT NULL);
CREATE TABLE records (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,
	kind INTEGER NOT NULL, session TEXT, line BLOB NOT NULL);
CREATE INDEX by_time ON records (time, kind);
CREATE INDEX by_session ON records (id >> 12, session) WHERE session IS NOT NULL;
CREATE VIEW log AS SELECT
	strftime('%Y-%m-%dT%H:%M:%S', time / 1000000000, 'unixepoch') || printf('.%09dZ', time % 1000000000) AS time,
	event, service, session, verdict, trim(replace(zones, char(10), ' ')) AS zones,
	trim(replace(programs, char(10), ' | '), '| ') AS programs, trim(replace(users, char(10), ' ')) AS users,
	epochs.journal, epochs.epoch, seq
	FROM records JOIN kinds ON kinds.id = records.kind JOIN epochs ON epochs.id = records.epoch;`

// versionError says that a file is not one that this lodoor can use.
type versionError struct{ application, version int64 }

func (e *versionError) Error() string {
	if e.application != applicationID {
		return "it is another program's database"
	}
	return fmt.Sprintf("it has version %d of the tables: expected %d", e.version, schemaVersion)
}

// versionOf says whose a file is; isNew is true of one without tables.
func versionOf(ctx context.Context, db *sql.DB) (v versionError, isNew bool, err error) {
	var tables int
	err = db.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)
		FROM pragma_application_id, pragma_user_version`).Scan(&v.application, &v.version, &tables)
	return v, tables == 0, err
}

// checkVersion fails when a file is not of this version.
func checkVersion(ctx context.Context, db *sql.DB) error {
	v, _, err := versionOf(ctx, db)
	if err == nil && v != (versionError{applicationID, schemaVersion}) {
		return &v
	}
	return err
}

// makeSchema makes the tables in a new file. A file that has tables must be of this version.
func makeSchema(ctx context.Context, db *sql.DB) error {
	v, isNew, err := versionOf(ctx, db)
	if err != nil {
		return err
	}
	if !isNew {
		return checkVersion(ctx, db)
	}
	if v.application != 0 && v.application != applicationID {
		return &v
	}
	// These stay with the file, and have to come before its first table.
	if _, err := db.ExecContext(ctx, "PRAGMA auto_vacuum = incremental; PRAGMA journal_mode = wal"); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion)
	if _, err := tx.ExecContext(ctx, schema+marks); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO dictionary VALUES (?)", dictionaryText()); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	return tx.Commit()
}
