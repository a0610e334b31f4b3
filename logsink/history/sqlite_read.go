package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// parts lists the parts of by_session. SQLite looks up a min or a max alone, and would go through all for both in one.
const parts = `WITH RECURSIVE ends (first, last) AS (
	SELECT (SELECT min(id) FROM records) >> 12, (SELECT max(id) FROM records) >> 12),
parts (n) AS (SELECT first FROM ends UNION ALL SELECT n + 1 FROM parts, ends WHERE n < last)
`

func (s *sqliteFile) page(ctx context.Context, f *Filter, after *key, backwards bool, n int) ([]row, error) {
	c := &clause{dialect: dialect{mark: "?", find: "instr", list: "%s"}}
	rows, err := s.db.QueryContext(ctx, c.sqlitePage(f, after, backwards, n), c.args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is rows.Err's
	list := make([]row, 0, min(n, 64))
	var packed sql.RawBytes
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.at, &r.journal, &r.epoch, &r.seq, &packed); err != nil {
			return nil, err
		}
		if r.line, err = s.pack.unpack(packed); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", s.path, r.id, err)
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// sqlitePage finds rows in an index first, and then reads them.
func (c *clause) sqlitePage(f *Filter, after *key, backwards bool, n int) string {
	with, from, order, compare := "", "records AS r INDEXED BY by_time", "", ">"
	if backwards {
		order, compare = " DESC", "<"
	}
	if !f.Session.IsZero() {
		with = parts
		from = fmt.Sprintf("parts CROSS JOIN records AS r INDEXED BY by_session ON r.id >> %d = parts.n AND r.session = %s",
			partBits, c.arg(f.Session.String()))
	}
	c.times("r.time", f, after, backwards)
	if after != nil {
		c.and("(r.time, r.id) " + compare + " (" + c.arg(after.at) + ", " + c.arg(after.id) + ")")
	}
	kinds := &clause{dialect: c.dialect, args: c.args}
	kinds.features(f)
	if c.args = kinds.args; len(kinds.where) > 0 {
		c.and("r.kind IN (SELECT id FROM kinds WHERE " + kinds.String() + ")")
	}
	inner := "SELECT r.id, r.time FROM " + from + " WHERE " + c.String() +
		" ORDER BY r.time" + order + ", r.id" + order + " LIMIT " + c.arg(n)
	return with + `SELECT r.id, r.time, epochs.journal, epochs.epoch, r.seq, r.line FROM (` + inner + `) AS p
		CROSS JOIN records AS r ON r.id = p.id JOIN epochs ON epochs.id = r.epoch ORDER BY p.time` + order +
		", p.id" + order
}

func (s *sqliteFile) position(ctx context.Context, journalID string) (flow.Identity, error) {
	id := flow.Identity{Journal: journalID}
	var last int64
	err := s.db.QueryRowContext(ctx, `SELECT epochs.epoch, epochs.last FROM positions JOIN epochs
		ON epochs.id = positions.epoch WHERE positions.journal = ?`, journalID).Scan(&id.Epoch, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return flow.Identity{}, nil
	}
	if err != nil {
		return flow.Identity{}, err
	}
	id.Seq = uint64(last)
	return id, nil
}

func (s *sqliteFile) sessions(ctx context.Context, prefix string, n int) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, parts+`SELECT DISTINCT r.session FROM parts CROSS JOIN records AS r
		INDEXED BY by_session ON r.id >> 12 = parts.n AND r.session >= ?1 AND r.session < ?2 LIMIT ?3`,
		prefix, prefix+"\U0010ffff", n)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is rows.Err's
	var list []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, rows.Err()
}
