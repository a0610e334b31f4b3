package replay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	defaultSlower   = 3
	defaultSlowerBy = 5 * time.Millisecond
	defaultPatience = 2 * time.Second
	defaultGiveUp   = time.Minute
	// aside is how much of the script waits for sessions that are late, at most.
	aside = 32 << 20
	// ahead is how much of a session's answers may wait for the recorded ones; beyond, nothing more of it is asked for.
	ahead = 4 << 20
)

// Config is what is played, and how.
type Config struct {
	// Recording is what is played. The caller closes it.
	Recording *recording.Reader
	Protocol  Protocol
	// Speed is how many times faster than recorded questions may come; 0 is as fast as answers come.
	Speed float64
	// Slower and SlowerBy are how many times, and by how much, an operation's median must be longer than recorded to be told
	// as slower; 0 are 3 and 5 ms.
	Slower   float64
	SlowerBy time.Duration
	// Patience is how long an answer may take longer than three times what it took in the recording before other sessions go
	// on without it, out of the recorded order; 0 is 2 s. GiveUp is how long an answer may take in all when nobody else can
	// go on; 0 is a minute.
	Patience, GiveUp time.Duration
}

// Player plays a recording.
type Player struct {
	config Config
	script *script
	news   chan news
	stop   chan struct{}
	wait   sync.WaitGroup
	lines  map[*line]struct{}
	late   map[*line]struct{}
	held   []*step // sends whose time has not come
	aside  int     // how much of the script waits for those that are late
	report Report
	times  measures

	began, origin time.Time // of the replay, of the recording
	lastAnswer    time.Time
	lastLine      *line
	dialled       bool
}

// New prepares a replay.
func New(c Config) *Player {
	if c.Slower == 0 {
		c.Slower = defaultSlower
	}
	if c.SlowerBy == 0 {
		c.SlowerBy = defaultSlowerBy
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.GiveUp == 0 {
		c.GiveUp = defaultGiveUp
	}
	p := &Player{
		config: c, news: make(chan news, 64), stop: make(chan struct{}), lines: map[*line]struct{}{},
		late: map[*line]struct{}{}, times: measures{},
		report: Report{Ignored: map[string]uint64{}},
	}
	p.script = newScript(c.Recording, c.Protocol, p.report.omitted)
	return p
}

// Run plays the recording to its end and reports. The error says why it could not: ctx was done, the recording is damaged,
// or the backend cannot be reached at all. Run is called once.
func (p *Player) Run(ctx context.Context) (*Report, error) {
	p.began = time.Now()
	err := p.play(ctx)
	close(p.stop)
	for l := range p.lines {
		p.drop(l)
	}
	p.wait.Wait()
	if err != nil {
		return nil, err
	}
	p.report.Took = time.Since(p.began)
	p.report.Torn = p.script.torn
	p.report.Slower = p.times.slower(p.config.Slower, p.config.SlowerBy)
	p.report.sort()
	return &p.report, nil
}

func (p *Player) play(ctx context.Context) error {
	for {
		st, err := p.script.next()
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		if st == nil {
			return p.drain(ctx)
		}
		if p.origin.IsZero() {
			p.origin = st.at
		}
		p.report.Recorded = max(p.report.Recorded, st.at.Sub(p.origin))
		if err := p.step(ctx, st); err != nil {
			return err
		}
	}
}

// step does what is next in the script, or leaves it for a session that is late.
func (p *Player) step(ctx context.Context, st *step) error {
	l := st.track.line
	if l != nil && l.late {
		l.todo = append(l.todo, st)
		if p.aside += st.size(); p.aside > aside {
			return p.giveUp(ctx, func() bool { return p.aside <= aside })
		}
		return nil
	}
	switch st.kind {
	case stepReady:
		return p.connect(ctx, st.track)
	case stepSend:
		return p.hold(ctx, st)
	case stepAnswer:
		return p.answer(ctx, l, st)
	case stepStop:
		p.report.unplayed(st)
	}
	return p.leave(ctx, l, st)
}

// connect opens a session's connection.
func (p *Player) connect(ctx context.Context, t *track) error {
	conn, talk, err := p.config.Protocol.Dial(ctx, t.talk)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("replay: %w", ctx.Err())
	case err != nil && !p.dialled:
		return fmt.Errorf("replay the first session, %s: %w", t.name(), err)
	case err != nil:
		p.report.unplayed(&step{track: t, at: t.at, why: err.Error()})
		return nil
	}
	p.dialled = true
	p.report.Sessions++
	t.line = p.newLine(t, conn, talk)
	p.lines[t.line] = struct{}{}
	return nil
}

// put sends a step's bytes. While the backend does not take them, what comes is taken.
func (p *Player) put(ctx context.Context, l *line, st *step) error {
	if l == nil || l.over || l.shut {
		p.report.Unasked += uint64(st.asked)
		return nil
	}
	now := time.Now()
	l.unanswered += st.asked
	if err := l.talk.Feed(flow.FromClient, now, st.raw, lineListener{l, p}); err != nil {
		return fmt.Errorf("replay session %s: %w", st.track.name(), err)
	}
	raw := st.raw
	st.raw = nil
	for len(raw) > 0 && !l.over {
		select {
		case l.out <- raw:
			return nil
		case n := <-p.news:
			p.take(&n)
		case <-ctx.Done():
			return fmt.Errorf("replay: %w", ctx.Err())
		}
	}
	return nil
}

// answer waits for an answer that was whole at this place of the recording. When it takes too long, others go on.
func (p *Player) answer(ctx context.Context, l *line, st *step) error {
	if l == nil || l.gone {
		return nil
	}
	if err := p.release(ctx, l); err != nil {
		return err
	}
	p.expect(l, st)
	err := p.awaitOrRelease(ctx, p.config.Patience+3*st.took, func() bool { return l.have >= l.need || l.over })
	if !errors.Is(err, errNotYet) {
		return err
	}
	l.late = true
	p.late[l] = struct{}{}
	p.report.OutOfOrder++
	return nil
}

// leave ends a session's connection as its client did.
func (p *Player) leave(ctx context.Context, l *line, st *step) error {
	if l == nil || l.gone {
		return nil
	}
	if err := p.release(ctx, l); err != nil {
		return err
	}
	l.finish()
	if st.kind == stepShut {
		return nil
	}
	if st.kind == stepEnd && l.unanswered == 0 {
		// What a backend does when a session ends is done before others go on.
		err := p.await(ctx, p.config.Patience, func() bool { return l.over })
		if err != nil && !errors.Is(err, errNotYet) {
			return err
		}
	}
	select {
	case <-l.wrote: // a question that nobody waits for is asked all the same
	case <-time.After(grace):
	}
	p.drop(l)
	return nil
}

// drop ends a connection. What its goroutines still have to tell is for nobody.
func (p *Player) drop(l *line) {
	if l.gone {
		return
	}
	l.gone = true
	p.unpaired(l)
	l.over, l.late = true, false
	l.finish()
	_ = l.conn.Close()
	l.allow(0)
	delete(p.lines, l)
	delete(p.late, l)
}

// errNotYet says that something did not happen in time.
var errNotYet = errors.New("not yet")

// await takes what comes until cond holds or the time is up.
func (p *Player) await(ctx context.Context, within time.Duration, cond func() bool) error {
	if cond() {
		return nil
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case n := <-p.news:
			p.take(&n)
		case <-timer.C:
			return errNotYet
		case <-ctx.Done():
			return fmt.Errorf("replay: %w", ctx.Err())
		}
		for l := range p.late {
			if err := p.advance(ctx, l); err != nil {
				return err
			}
		}
		if cond() {
			return nil
		}
	}
}
