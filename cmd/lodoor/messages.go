package main

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/lodoor/lodoor/logsink/terminal"
)

// What is done about a slow standard error.
const (
	aMoment   = 200 * time.Millisecond // how long a text waits for it that is to come before others
	lastWords = 2 * time.Second        // how long the end waits for it
	mailbox   = 256                    // how many messages may wait for it
)

// messages are what lodoor says to the person who runs it, on standard error. Nobody waits for the terminal: run writes,
// and what finds no room meanwhile is counted and told later.
type messages struct {
	out   zerolog.Logger
	plain io.Writer // for texts that are laid out already; nil when everything is JSON
	queue chan message
	lost  atomic.Uint64
}

type message struct {
	level   zerolog.Level
	text    string
	laidOut bool
	written chan struct{} // closed when it was written; nil when nobody waits
}

func newMessages(w io.Writer, level zerolog.Level, json bool) *messages {
	m := &messages{queue: make(chan message, mailbox)}
	if !json {
		m.plain, w = w, plainWriter(w)
	}
	m.out = zerolog.New(w).Level(level)
	return m
}

// plainWriter writes messages as "lodoor: text".
func plainWriter(w io.Writer) io.Writer {
	return zerolog.ConsoleWriter{
		Out: w, NoColor: true, PartsOrder: []string{zerolog.LevelFieldName, zerolog.MessageFieldName},
		FormatLevel: func(level any) string {
			if level == zerolog.LevelInfoValue {
				return "lodoor:"
			}
			name, _ := level.(string)
			return "lodoor: " + map[string]string{"warn": "warning"}[name] + ":"
		},
		FormatMessage: func(text any) string {
			s, _ := text.(string)
			return s
		},
	}
}

func (m *messages) info(text string) { m.say(message{level: zerolog.InfoLevel, text: visible(text)}) }
func (m *messages) warn(text string) { m.say(message{level: zerolog.WarnLevel, text: visible(text)}) }

// show says a text of several lines that is laid out, and in which nothing is left that a terminal would obey. It waits
// a moment for the text to be written, so that what is printed next to it comes after it.
func (m *messages) show(text string) {
	written := make(chan struct{})
	if !m.say(message{zerolog.InfoLevel, text, true, written}) {
		return
	}
	select {
	case <-written:
	case <-time.After(aMoment):
	}
}

func (m *messages) say(msg message) (queued bool) {
	select {
	case m.queue <- msg:
		return true
	default:
		m.lost.Add(1)
		return false
	}
}

// visible keeps the line breaks, which are ours, and makes everything else that could move a terminal visible.
func visible(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = terminal.Visible(l)
	}
	return strings.Join(lines, "\n        ")
}

func (m *messages) write(msg message) {
	switch {
	case !msg.laidOut:
		m.out.WithLevel(msg.level).Msg(msg.text)
	case m.plain == nil:
		m.out.WithLevel(msg.level).Msg(strings.TrimSpace(msg.text))
	case m.out.GetLevel() <= msg.level:
		_, _ = io.WriteString(m.plain, msg.text)
	}
	if msg.written != nil {
		close(msg.written)
	}
}

// run writes messages until ctx ends, and then those that wait. It does not wait for a write to a stopped terminal,
// which no system call takes back: that one ends with the process.
func (m *messages) run(ctx context.Context) error {
	written := make(chan struct{})
	go func() {
		defer close(written)
		m.writeUntil(ctx)
	}()
	<-ctx.Done()
	select {
	case <-written:
	case <-time.After(lastWords):
	}
	return nil
}

func (m *messages) writeUntil(ctx context.Context) {
	for {
		select {
		case msg := <-m.queue:
			m.write(msg)
			m.tellLost()
		case <-ctx.Done():
			m.drain()
			return
		}
	}
}

func (m *messages) drain() {
	for {
		select {
		case msg := <-m.queue:
			m.write(msg)
		default:
			m.tellLost()
			return
		}
	}
}

func (m *messages) tellLost() {
	if n := m.lost.Swap(0); n > 0 {
		m.write(message{level: zerolog.WarnLevel, text: plural(n, "message") + " found no room while standard error was slow"})
	}
}
