package alert

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	stateFile    = "alerts.json"
	stateVersion = 1
	maxStateFile = 64 << 20    // JSON has up to six bytes for one of maxPrograms times maxProgram
	saveEvery    = time.Minute // of what only accumulates
)

// state is what alerts know after a restart.
type state struct {
	Version  int       `json:"version"`
	Silences []Silence `json:"silences"`
	Acks     []ack     `json:"acks"`
	// LearnUntil is until when programs are learned; zero when they never were.
	LearnUntil time.Time `json:"learn_until"`
	Programs   []Known   `json:"programs"`
}

// load reads the state. A file that cannot be used is set aside and told; alerts begin without.
func (a *Alerts) load() {
	if a.path == "" {
		return
	}
	s, err := readState(a.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		a.setAside(err)
		return
	}
	for i := range s.Silences[:min(len(s.Silences), maxSilences)] {
		a.silences = append(a.silences, s.Silences[i])
	}
	for _, k := range s.Acks[:min(len(s.Acks), maxGroups+1)] {
		a.acks[k.ID] = k
	}
	a.learnUntil = s.LearnUntil
	for _, k := range s.Programs[:min(len(s.Programs), maxPrograms)] {
		a.programs[k.key()] = &k
	}
}

func readState(path string) (*state, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxStateFile {
		return nil, fmt.Errorf("it has %d bytes: at most %d are expected", info.Size(), maxStateFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &state{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, err
	}
	if s.Version != stateVersion {
		return nil, fmt.Errorf("it has version %d: expected %d", s.Version, stateVersion)
	}
	return s, nil
}

// setAside keeps a file that cannot be used, so that a person can look at it.
func (a *Alerts) setAside(why error) {
	aside := a.path + ".broken"
	kept := "it is kept as " + aside
	if err := os.Rename(a.path, aside); err != nil {
		kept = fmt.Sprintf("it could not be set aside (%v) and will be overwritten", err)
	}
	a.warn(fmt.Errorf("read silences and learned programs of %s: %w; alerts begin without them, and %s", a.path, why,
		kept))
}

// save writes the state, whole or not at all.
func (a *Alerts) save() error {
	if a.path == "" {
		return nil
	}
	s := state{Version: stateVersion, Silences: a.silences, LearnUntil: a.learnUntil, Programs: a.known()}
	for _, k := range a.acks {
		s.Acks = append(s.Acks, k)
	}
	for _, g := range a.groups {
		if g.ack != nil {
			s.Acks = append(s.Acks, *g.ack)
		}
	}
	slices.SortFunc(s.Acks, func(a, b ack) int { return cmp.Compare(a.ID, b.ID) })
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the alerts' state: %w", err)
	}
	if err := replaceFile(a.path, append(data, '\n')); err != nil {
		return fmt.Errorf("keep silences and learned programs: %w", err)
	}
	a.dirty = false
	return nil
}

// replaceFile writes a file beside and renames it, so that a crash leaves the old one or the new one.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// keep writes what has changed: at most once a minute, and at the end. A failure is told once.
func (a *Alerts) keep(now time.Time, last bool) {
	if !a.dirty || !last && now.Sub(a.savedAt) < saveEvery {
		return
	}
	a.savedAt = now
	err := a.save()
	if err != nil && !a.unsaved {
		a.warn(err)
	}
	a.unsaved = err != nil
}
