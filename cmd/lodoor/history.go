package main

import (
	"context"
	"errors"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// laterHistory is the history as a destination that is opened by its feed: nobody who wants to come in waits for that.
type laterHistory struct {
	config history.Config
	store  *history.Store // nil until it was opened
}

func (d *door) newHistory() *laterHistory {
	return &laterHistory{config: history.Config{
		Settings: d.config.History, Dir: d.journal.Dir(), Host: d.host, Warn: func(err error) { d.say.warn(err.Error()) },
	}}
}

func (h *laterHistory) Name() string { return "history" }

func (h *laterHistory) Wants(flow.Event) bool { return true }

// Resume opens the store, when it is not open.
func (h *laterHistory) Resume(ctx context.Context, id string) (flow.Identity, error) {
	if h.store == nil {
		store, err := history.Open(ctx, h.config)
		if err != nil {
			return flow.Identity{}, err
		}
		h.store = store
	}
	return h.store.Resume(ctx, id)
}

func (h *laterHistory) Deliver(ctx context.Context, entries []journal.Entry) (int, error) {
	if h.store == nil {
		return 0, errors.New("history: the store is not open") // a feed asks Resume first
	}
	return h.store.Deliver(ctx, entries)
}

func (h *laterHistory) Close() error {
	if h.store == nil {
		return nil
	}
	return h.store.Close()
}
