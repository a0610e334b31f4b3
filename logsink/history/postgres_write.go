package history

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lodoor/lodoor/logsink/journal"
)

// batch has the values of entries, a slice a column.
type batch struct {
	journals, epochs, events, services, verdicts []string
	zones, programs, users, lines                []string
	sessions                                     []*string
	seqs, ats                                    []int64
	times                                        []time.Time
}

func (b *batch) add(e *journal.Entry) {
	f := featuresOf(&e.Record)
	b.journals = append(b.journals, clean(e.Identity.Journal))
	b.epochs = append(b.epochs, clean(e.Identity.Epoch))
	b.seqs = append(b.seqs, int64(e.Identity.Seq))
	at := nanos(e.Record.Time)
	b.ats, b.times = append(b.ats, at), append(b.times, time.Unix(0, at))
	b.events, b.services, b.verdicts = append(b.events, f.event), append(b.services, f.service), append(b.verdicts, f.verdict)
	b.zones, b.programs, b.users = append(b.zones, f.zones), append(b.programs, f.programs), append(b.users, f.users)
	var session *string
	if !e.Record.Session.IsZero() {
		id := clean(e.Record.Session.String())
		session = &id
	}
	b.sessions = append(b.sessions, session)
	// The journal writes UTF-8; a segment that somebody edited may have other bytes, and must not hold up the rest.
	b.lines = append(b.lines, strings.ToValidUTF8(string(e.Line), "\ufffd"))
}

// list is the SQL for an array whose values stand between separators.
func list(column string) string {
	return "array_remove(string_to_array(" + column + ", E'\\n'), '')"
}

// store writes entries, and how far their journal is in, in one transaction.
func (p *postgresDB) store(ctx context.Context, conn *pgx.Conn, entries []journal.Entry) error {
	var b batch
	for i := range entries {
		b.add(&entries[i])
	}
	last, host := entries[len(entries)-1].Identity, p.config.Host
	name, id := clean(host.Name), clean(host.ID)
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO lodoor_records SELECT r.journal, r.epoch, r.seq, r.time, r.at, $1, $2,
			r.event, r.service, r.session, r.verdict, `+list("r.zones")+`, `+list("r.programs")+`, `+list("r.users")+`, r.line
			FROM unnest($3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::bigint[], $8::text[], $9::text[],
				$10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[])
			AS r (journal, epoch, seq, time, at, event, service, session, verdict, zones, programs, users, line)
			ON CONFLICT DO NOTHING`, name, id, b.journals, b.epochs, b.seqs, b.times, b.ats, b.events, b.services,
			b.sessions, b.verdicts, b.zones, b.programs, b.users, b.lines)
		if err != nil {
			return fmt.Errorf("insert into lodoor_records: %w", err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO lodoor_journals VALUES ($1, $2, $3, $4, $5, now()) ON CONFLICT (journal)
			DO UPDATE SET epoch = $2, seq = $3, host_name = $4, host_id = $5, updated = now()`,
			clean(last.Journal), clean(last.Epoch), int64(last.Seq), name, id)
		if err != nil {
			return fmt.Errorf("insert into lodoor_journals: %w", err)
		}
		return nil
	})
}

// trim erases, once a minute, some of this journal's records that are too old. Others' are theirs to erase.
func (p *postgresDB) trim(ctx context.Context, conn *pgx.Conn, journalID string) error {
	now := time.Now()
	if now.Sub(p.trimmed) < trimEvery {
		return nil
	}
	done, err := conn.Exec(ctx, `DELETE FROM lodoor_records WHERE ctid = ANY (ARRAY (SELECT ctid FROM lodoor_records
		WHERE journal = $1 AND time < $2 LIMIT $3))`, clean(journalID), now.Add(-p.config.Settings.MaxAge), trimRows)
	if err != nil {
		return fmt.Errorf("erase old records: %w", err)
	}
	if done.RowsAffected() < trimRows {
		p.trimmed = now
	}
	return nil
}
