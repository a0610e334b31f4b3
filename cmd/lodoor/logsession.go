package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// enoughSessions is how many are looked for, to say that a prefix is ambiguous.
const enoughSessions = 6

// resolve finds the session that a person means.
func (v *logView) resolve(ctx context.Context, list []*read, prefix string) (flow.SessionID, error) {
	prefix = strings.ToLower(prefix)
	found := make(map[flow.SessionID]string)
	for _, r := range list {
		if err := v.findSessions(ctx, r, prefix, found); err != nil {
			return flow.SessionID{}, err
		}
	}
	words := make([]string, 0, len(found))
	for id, text := range found {
		if len(found) == 1 {
			return id, nil
		}
		words = append(words, text)
	}
	if len(words) == 0 {
		return flow.SessionID{}, fmt.Errorf("there is no session whose id begins with %q", prefix)
	}
	slices.Sort(words)
	if len(words) >= enoughSessions {
		words = append(words[:enoughSessions-1], "more")
	}
	return flow.SessionID{}, fmt.Errorf("%q begins the ids of several sessions: %s", prefix, strings.Join(words, ", "))
}

// findSessions adds the sessions of a journal whose ids begin with prefix, and what to call them, until there are enough.
func (v *logView) findSessions(ctx context.Context, r *read, prefix string, found map[flow.SessionID]string) error {
	note := func(e *journal.Entry) {
		if id := e.Record.Session; found[id] == "" {
			found[id] = sessionWords(&e.Record)
		}
	}
	if r.history != nil {
		ids, err := r.history.Sessions(ctx, prefix, enoughSessions)
		if err != nil {
			return err
		}
		for _, id := range ids {
			f := history.Filter{Session: id, Since: v.want.Since, Until: v.want.Until}
			for e, err := range r.history.Records(ctx, f) {
				if err != nil {
					return err
				}
				note(&e)
				break
			}
		}
	}
	for e, err := range journal.Read(r.dir, journal.From{Seq: r.behind, Since: v.want.Since}) {
		id := e.Record.Session
		if err == nil && !id.IsZero() && strings.HasPrefix(id.String(), prefix) {
			note(&e)
		}
		if len(found) >= enoughSessions || ctx.Err() != nil {
			break
		}
	}
	return ctx.Err()
}

func sessionWords(r *flow.Record) string {
	return terminal.Visible(fmt.Sprintf("%s (%s, %s)", r.Session, r.Service, r.Time.Local().Format(time.DateTime)))
}
