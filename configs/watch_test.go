package configs

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watching starts to watch a file that was never read, so that what it says is the first change, and returns a function that waits for the next change.
func watching(t *testing.T, file string) (next func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan string, 100), make(chan error, 1)
	go func() {
		ended <- watchFrom(ctx, file, sum{}, func() {
			b, err := os.ReadFile(file)
			if err != nil {
				b = []byte(err.Error())
			}
			seen <- string(b)
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if len(seen) > 0 {
			t.Errorf("one more change: %q", <-seen)
		}
	})
	return func() string {
		t.Helper()
		select {
		case s := <-seen:
			return s
		case err := <-ended:
			t.Fatalf("Watch ended: %v", err)
		case <-time.After(20 * time.Second):
			t.Fatal("no change was seen")
		}
		return ""
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchWrites(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lodoor.yaml")
	next := watching(t, file) // there is no file yet
	put(t, file, "begin")
	if got := next(); got != "begin" {
		t.Errorf("at the start: %q", got)
	}

	put(t, filepath.Join(dir, "other"), "not ours") // no change: the next one is that of the editor
	put(t, file, "begin")                           // the same again: no change either
	put(t, file+".swp", "by an editor")
	must(t, os.Rename(file+".swp", file))
	if got := next(); got != "by an editor" {
		t.Errorf("after a rename: %q", got)
	}

	must(t, os.Remove(file))
	put(t, file, "back")
	if got := next(); got != "back" {
		t.Errorf("after a removal: %q", got)
	}
}

// Kubernetes: lodoor.yaml -> ..data/lodoor.yaml, ..data -> a folder with a date, exchanged by a rename.
func TestWatchLinks(t *testing.T) {
	dir := t.TempDir()
	version := func(name, content string) {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		put(t, filepath.Join(dir, name, "lodoor.yaml"), content)
		must(t, os.Symlink(name, filepath.Join(dir, "..tmp")))
		must(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	}
	version("..v1", "one")
	file := filepath.Join(dir, "lodoor.yaml")
	must(t, os.Symlink(filepath.Join("..data", "lodoor.yaml"), file))
	next := watching(t, file)
	if got := next(); got != "one" {
		t.Errorf("at the start: %q", got)
	}
	put(t, file, "one, edited") // through the links, in the folder of the first version
	if got := next(); got != "one, edited" {
		t.Errorf("in the first folder: %q", got)
	}
	version("..v2", "two")
	if got := next(); got != "two" {
		t.Errorf("after the exchange: %q", got)
	}
	put(t, filepath.Join(dir, "..v2", "lodoor.yaml"), "two, edited")
	if got := next(); got != "two, edited" {
		t.Errorf("in the new folder: %q", got)
	}
}

// Somebody else who writes in the same folder all the time does not hide a change.
func TestWatchBusyFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lodoor.yaml")
	put(t, file, "calm")
	next := watching(t, file)
	ended, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				if err := os.WriteFile(filepath.Join(dir, "other"), []byte{byte(i)}, 0o600); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	defer func() {
		close(stop)
		<-ended
	}()
	if got := next(); got != "calm" {
		t.Errorf("at the start: %q", got)
	}
	put(t, file, "busy")
	if got := next(); got != "busy" {
		t.Errorf("then: %q", got)
	}
}

// What changes between the load and the watch is seen too.
func TestWatchLoaded(t *testing.T) {
	l := load(t, LoadOptions{File: write(t, "lodoor.yaml", "tripwire: true\n")})
	put(t, l.File, "tripwire: false\n")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	changes := 0
	must(t, l.Watch(ctx, func() { changes++; cancel() }))
	if changes != 1 {
		t.Errorf("%d changes, expected 1", changes)
	}
}

func TestWatchNoFolder(t *testing.T) {
	if err := Watch(t.Context(), "/nonexistent/lodoor.yaml", func() {}); err == nil {
		t.Error("expected an error")
	}
}

// Only what the file says matters: not that it was written, and not that it is away or empty.
func TestLook(t *testing.T) {
	file := write(t, "lodoor.yaml", "one")
	watcher, err := fsnotify.NewWatcher()
	must(t, err)
	defer func() { must(t, watcher.Close()) }()
	changes := 0
	w := watch{file: file, watcher: watcher, changed: func() { changes++ }}
	look := func(want int) {
		t.Helper()
		if w.look(); changes != want {
			t.Errorf("%d changes, expected %d", changes, want)
		}
	}
	look(1)
	put(t, file, "one")
	look(1)
	put(t, file, "two")
	look(2)
	put(t, file, "")
	look(2)
	must(t, os.Remove(file))
	look(2)
	put(t, file, "two")
	look(2)
}
