package configs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a file must be left alone before it is taken for written: editors and tools write in steps.
// In a folder where something happens all the time, the file is looked at after patience all the same.
const (
	settle   = 100 * time.Millisecond
	patience = 10 * settle
)

// Watch calls changed whenever what the file says has changed, on the goroutine that called Watch, until ctx ends. It
// watches folders, not the file: editors put a new file in the place of the old one, and Kubernetes exchanges a link
// above it. That the file is gone or empty for a while is no change.
func Watch(ctx context.Context, file string, changed func()) error {
	seen, _ := fileSum(file)
	return watchFrom(ctx, file, seen, changed)
}

// Watch is [Watch] for the file that l was loaded from, and also sees what changed since then.
func (l *Loaded) Watch(ctx context.Context, changed func()) error {
	if l.File == "" {
		<-ctx.Done() // nothing can change
		return nil
	}
	return watchFrom(ctx, l.File, l.fileSum, changed)
}

// sum stands for what a file says.
type sum [sha256.Size]byte

func fileSum(file string) (sum, error) {
	data, _, err := readFile(file)
	return sha256.Sum256(data), err
}

func watchFrom(ctx context.Context, file string, seen sum, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", file, err)
	}
	defer watcher.Close() //nolint:errcheck // it only watched
	w := watch{file: file, watcher: watcher, changed: changed, seen: seen}
	if err := w.folders(); err != nil {
		return fmt.Errorf("watch %s: %w", file, err)
	}
	return w.run(ctx)
}

type watch struct {
	file    string
	watcher *fsnotify.Watcher
	changed func()
	seen    sum // what the file said when it was last there
}

func (w *watch) run(ctx context.Context) error {
	quiet := time.NewTimer(settle) // the first time for what was written before the folders were watched
	defer quiet.Stop()
	since := time.Now() // of the first event that was not looked at
	pending := true
	event := func() {
		if !pending {
			since, pending = time.Now(), true
		}
		if time.Since(since) < patience {
			quiet.Reset(settle)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-w.watcher.Events:
			if !ok {
				return fmt.Errorf("watch %s: the system stopped watching", w.file)
			}
			event()
		case err := <-w.watcher.Errors: // events were lost: look
			if err != nil {
				event()
			}
		case <-quiet.C:
			pending = false
			w.look()
		}
	}
}

// look compares the file with what it said before. The folders are asked for again, since the links on the way to the
// file may lead elsewhere now.
func (w *watch) look() {
	_ = w.folders() // what cannot be watched now is tried again at the next event
	now, err := fileSum(w.file)
	if err != nil || now == w.seen || now == sha256.Sum256(nil) { // an empty file is one that is about to be written
		return
	}
	w.seen = now
	w.changed()
}

// folders watches where the file is, by its name and behind all links.
func (w *watch) folders() error {
	if err := w.watcher.Add(filepath.Dir(w.file)); err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(w.file); err == nil && filepath.Dir(target) != filepath.Dir(w.file) {
		return w.watcher.Add(filepath.Dir(target))
	}
	return nil
}
