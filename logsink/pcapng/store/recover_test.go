package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
)

// crashKey is in the environment of the writer that is going to be killed.
const crashKey = "LODOOR_TEST_STORE_RECIPIENT"

// crashChild writes a file of each form, says so, and waits for its end.
func crashChild(dir string) error {
	recipients, err := store.ParseRecipients([]string{os.Getenv(crashKey)})
	if err != nil {
		return err
	}
	for _, c := range []store.Config{
		{Dir: dir}, {Dir: dir, Compress: store.CompressZstd}, {Dir: dir, Recipients: recipients},
		{Dir: dir, Compress: store.CompressZstd, Recipients: recipients},
	} {
		f, err := store.New(c).Create("db", "", began())
		if err != nil {
			return err
		}
		if err := f.Append(header(), nil, nil); err != nil {
			return err
		}
		for n := range 600 {
			if err := errors.Join(f.Append(packet(n), nil, nil), f.Flush()); err != nil {
				return err
			}
		}
		defer func() { _ = f.Close() }() // holds the file
	}
	fmt.Println("written") //nolint:forbidigo // it is a program of its own
	<-context.Background().Done()
	return nil
}

// TestKill kills a writer. Before, nobody finishes its files; afterwards each of them is finished, and has what it had.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	all := forms(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashKey+"="+all[2].key.Recipient().String())
	child := testkit.Start(t, cmd)
	testkit.Wait(t, "the files", func() bool {
		return strings.Contains(child.Stdout(), "written") || child.Exited()
	}, 20*time.Second)
	s := store.New(store.Config{Dir: dir})
	if done, err := s.Recover(); err != nil || len(done) > 0 {
		t.Fatalf("finished while they are written: %v, error %v; the writer says %s", done, err, child.Stderr())
	}
	child.Kill()
	plain := left(t, dir, ".db-"+stamp+".pcapng.part-*")
	whole := contents(t, plain)
	write(t, plain, append(whole, packet(0)[:333]...)) // as when it is killed while it writes
	done, err := s.Recover()
	if err != nil || len(done) != len(all) {
		t.Fatalf("finished: %v, error %v", done, err)
	}
	var finished []string
	for _, f := range all {
		path := filepath.Join(dir, "db-"+stamp+f.suffix)
		finished = append(finished, filepath.Base(path))
		got, _ := f.read(t, path)
		blocks, _ := wholeBlocks(t, got)
		least := 602
		if f.key != nil {
			least = 300 // the last 64 KiB of what was compressed are lost
		}
		if blocks < least {
			t.Errorf("%s: %d of 602 blocks can be read", f.suffix, blocks)
		}
	}
	wantNames(t, dir, finished...)
	want := store.Recovered{Path: filepath.Join(dir, finished[0]), Size: int64(len(whole)), Cut: 333}
	if !slices.Contains(done, want) {
		t.Errorf("%+v, want among them %+v", done, want)
	}
	if !bytes.Equal(contents(t, want.Path), whole) {
		t.Error("what was cut off is not the half block")
	}
	if again, err := s.Recover(); err != nil || len(again) > 0 {
		t.Errorf("finished again: %v, error %v", again, err)
	}
}

// TestRecover finishes what crashes can leave at other moments, and nothing else.
func TestRecover(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	good := append(header(), packet(1)...)
	write(t, at(hidden(".pcapng")), good)
	write(t, at("db-"+stamp+".pcapng"), []byte("somebody else's"))
	write(t, at(".nothing-"+stamp+".pcapng.part-k3y"), nil)
	write(t, at(".half-"+stamp+".pcapng.part-k3y"), header()[:17])
	write(t, at(".hole-"+stamp+".pcapng.part-k3y"), append(good[:len(good):len(good)], make([]byte, 100)...))
	write(t, at(".damaged-"+stamp+".pcapng.part-k3y"), append(good[:len(good):len(good)], "\x63\x00\x00\x00\x0c\x00\x00\x00\x10\x00\x00\x00"...))
	write(t, at(".named-"+stamp+".pcapng.part-k3y"), good)
	if err := os.Link(at(".named-"+stamp+".pcapng.part-k3y"), at("named-"+stamp+".pcapng")); err != nil {
		t.Fatal(err)
	}
	write(t, at(".other.part"), good)
	write(t, at("mine.pcapng.part-k3y"), good)
	done, err := store.New(store.Config{Dir: dir}).Recover()
	if err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "db-"+stamp+".pcapng", "db-"+stamp+"-2.pcapng", "hole-"+stamp+".pcapng", "damaged-"+stamp+".pcapng",
		"named-"+stamp+".pcapng", ".other.part", "mine.pcapng.part-k3y")
	if got := string(contents(t, at("db-"+stamp+".pcapng"))); got != "somebody else's" {
		t.Errorf("the file that was there has %q", got)
	}
	for name, want := range map[string]int{"db-" + stamp + "-2": 0, "hole-" + stamp: 0, "damaged-" + stamp: 12, "named-" + stamp: 0} {
		if got := len(contents(t, at(name+".pcapng"))); got != len(good)+want {
			t.Errorf("%s has %d bytes, want %d", name, got, len(good)+want)
		}
	}
	removed := 0
	for _, r := range done {
		if r.Path == "" {
			removed++
		}
	}
	if len(done) != 6 || removed != 2 {
		t.Errorf("told %+v", done)
	}
}

// TestNoDirectory looks where nothing was ever recorded.
func TestNoDirectory(t *testing.T) {
	s := store.New(store.Config{Dir: filepath.Join(t.TempDir(), "none")})
	if done, err := s.Recover(); err != nil || done != nil {
		t.Errorf("%v, error %v", done, err)
	}
	if tidied, err := s.Tidy(began(), 0); err != nil || tidied.Others != 0 {
		t.Errorf("%v, error %v", tidied, err)
	}
}

// TestDoors lets doors write into one directory while others come up and finish what they find: none takes another
// one's file, and each file has what was written to it.
func TestDoors(t *testing.T) {
	const doors, files = 4, 60
	dir := t.TempDir()
	var writers, others sync.WaitGroup
	errs := make(chan error, doors*files+2)
	stop := make(chan struct{})
	for range 2 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := store.New(store.Config{Dir: dir}).Recover(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for door := range doors {
		s := store.New(store.Config{Dir: dir})
		writers.Go(func() {
			for range files {
				errs <- writeOne(s, door)
			}
		})
	}
	writers.Wait()
	close(stop)
	others.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if got := len(names(t, dir)); got != doors*files {
		t.Errorf("%d files, want %d: %q", got, doors*files, names(t, dir))
	}
}

// writeOne writes a file, and looks at it.
func writeOne(s *store.Store, n int) error {
	f, err := s.Create("db", "", began())
	if err != nil {
		return err
	}
	want := append(header(), packet(n)...)
	if err := errors.Join(f.Append(want, nil, nil), f.Close()); err != nil {
		return err
	}
	got, err := os.ReadFile(f.Path())
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%s has %d bytes that were not written to it", f.Path(), len(got))
	}
	return err
}
