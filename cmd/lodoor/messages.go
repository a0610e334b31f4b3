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

// lastWords is how long the end waits for a slow standard error.
const lastWords = 2 * time.Second

// mailbox is how many messages may wait for a slow standard error.
const mailbox = 256

// messages are what lodoor says to the person who runs it, on standard error. Once run is at work nobody waits for the
// terminal: what finds no room is counted and told later.
type messages struct {
	out    zerolog.Logger
	queue  chan message
	lost   atomic.Uint64
	queued atomic.Bool
}

type message struct {
	level zerolog.Level
	text  string
}

func newMessages(w io.Writer, level zerolog.Level, json bool) *messages {
	if !json {
		w = plainWriter(w)
	}
	return &messages{out: zerolog.New(w).Level(level), queue: make(chan message, mailbox)}
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

func (m *messages) info(text string) { m.say(zerolog.InfoLevel, text) }
func (m *messages) warn(text string) { m.say(zerolog.WarnLevel, text) }

func (m *messages) say(level zerolog.Level, text string) {
	msg := message{level, visible(text)}
	if !m.queued.Load() {
		m.write(msg)
		return
	}
	select {
	case m.queue <- msg:
	default:
		m.lost.Add(1)
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

func (m *messages) write(msg message) { m.out.WithLevel(msg.level).Msg(msg.text) }

// run writes messages until ctx ends, and then those that wait. It does not wait for a write to a stopped terminal,
// which no system call takes back: that one ends with the process.
func (m *messages) run(ctx context.Context) error {
	m.queued.Store(true)
	defer m.queued.Store(false)
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
		m.write(message{zerolog.WarnLevel, plural(n, "message") + " found no room while standard error was slow"})
	}
}

// lastly writes the last words of a run, and does not wait long for somebody to take them.
func lastly(w io.Writer, text string) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(w, text)
	}()
	select {
	case <-written:
	case <-time.After(lastWords):
	}
}
