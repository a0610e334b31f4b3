package history

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lodoor/lodoor/proxy/flow"
)

func (p *postgresDB) page(ctx context.Context, f *Filter, after *key, backwards bool, n int) ([]row, error) {
	c := &clause{dialect: dialect{
		mark: "$", find: "strpos", list: `E'\n' || array_to_string(%s, E'\n') || E'\n'`,
	}}
	statement := c.postgresPage(f, after, backwards, n)
	var list []row
	err := p.with(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, statement, c.args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(from pgx.CollectableRow) (r row, err error) {
			var line string
			err = from.Scan(&r.at, &r.journal, &r.epoch, &r.seq, &line)
			r.line = []byte(line)
			return r, err
		})
		return err
	})
	return list, err
}

func (c *clause) postgresPage(f *Filter, after *key, backwards bool, n int) string {
	order, compare := "", ">"
	if backwards {
		order, compare = " DESC", "<"
	}
	if !f.Session.IsZero() {
		c.and("session = " + c.arg(clean(f.Session.String())))
	}
	if !f.Since.IsZero() {
		c.and("time >= " + c.arg(time.Unix(0, nanos(f.Since))))
	}
	if !f.Until.IsZero() {
		c.and("time <= " + c.arg(time.Unix(0, nanos(f.Until))))
	}
	if after != nil {
		c.and("(time, at, journal, seq, epoch) " + compare + " (" + strings.Join([]string{
			c.arg(time.Unix(0, after.at)), c.arg(after.at), c.arg(after.journal), c.arg(after.seq), c.arg(after.epoch),
		}, ", ") + ")")
	}
	c.features(f)
	return "SELECT at, journal, epoch, seq, line FROM lodoor_records WHERE " + c.String() + " ORDER BY " +
		strings.Join([]string{"time", "at", "journal", "seq", "epoch"}, order+", ") + order + " LIMIT " + c.arg(n)
}

func (p *postgresDB) position(ctx context.Context, journalID string) (flow.Identity, error) {
	id := flow.Identity{Journal: journalID}
	var seq int64
	err := p.with(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT epoch, seq FROM lodoor_journals WHERE journal = $1", clean(journalID)).
			Scan(&id.Epoch, &seq)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return flow.Identity{}, nil
	}
	if err != nil {
		return flow.Identity{}, err
	}
	id.Seq = uint64(seq)
	return id, nil
}

func (p *postgresDB) sessions(ctx context.Context, prefix string, n int) (list []string, err error) {
	err = p.with(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "SELECT DISTINCT session FROM lodoor_records WHERE starts_with(session, $1) LIMIT $2",
			clean(prefix), n)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return list, err
}
