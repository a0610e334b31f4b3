package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/logsink/terminal"
)

// whichRecordings is how a command line names recordings that are read, and what they are read with.
type whichRecordings struct {
	dirs     []string
	identity string
	keys     recording.Options // the identities only
	errs     io.Writer
	troubles int
}

func (w *whichRecordings) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&w.dirs, "dir", nil, "the recordings in `DIR` (repeatable)")
	flags.StringVar(&w.identity, "identity", "", "`FILE` with the age identity that decrypts them, as age-keygen writes it")
}

// find lists the recordings that are meant, the oldest first: the files and directories that were named, or those of the
// doors that run and those in the places where doors put them.
func (w *whichRecordings) find(ctx context.Context, args []string, errs io.Writer) ([]recording.Info, error) {
	w.errs = errs
	if w.identity != "" {
		keys, err := recording.Identities(w.identity)
		if err != nil {
			return nil, usageError(fmt.Errorf("--identity: %w", err))
		}
		w.keys.Identities = keys
	}
	found, err := w.look(ctx, args)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b recording.Info) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(found, func(a, b recording.Info) bool { return a.Path == b.Path }), nil
}

func (w *whichRecordings) look(ctx context.Context, args []string) (found []recording.Info, err error) {
	for _, path := range append(slices.Clone(w.dirs), args...) {
		stat, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("look for recordings: %w", err)
		case stat.IsDir():
			found = append(found, w.list(path)...)
			continue
		}
		info, err := recording.Look(path)
		if err != nil {
			return nil, err // it names the file
		}
		found = append(found, info)
	}
	if len(w.dirs)+len(args) > 0 {
		return found, nil
	}
	for _, dir := range usualRecordings(ctx) {
		found = append(found, w.list(dir)...)
	}
	if len(found)+w.troubles == 0 {
		return nil, errors.New("there is no recording yet: 'lodoor record start SERVICE' makes one at a door that runs, and " +
			"'lodoor run --record DIR' from the start; those in another place are named with --dir DIR, or as files")
	}
	return found, nil
}

// list lists a directory and tells of what in it cannot be read.
func (w *whichRecordings) list(dir string) []recording.Info {
	found, err := recording.List(dir)
	if err != nil {
		w.trouble(err)
	}
	return found
}

// trouble tells of a recording that cannot be read, or not to its end.
func (w *whichRecordings) trouble(err error) {
	w.troubles++
	w.warn(err.Error())
}

func (w *whichRecordings) warn(text string) {
	fmt.Fprintf(w.errs, "lodoor: warning: %s\n", terminal.Visible(text))
}

// incomplete is the error when something could not be read.
func (w *whichRecordings) incomplete() error {
	if w.troubles == 0 {
		return nil
	}
	return fmt.Errorf("%s above: not everything could be read", plural(uint64(w.troubles), "warning"))
}

// usualRecordings are the directories in which recordings are to be expected: those that the doors which run write to,
// and those beside the journals.
func usualRecordings(ctx context.Context) []string {
	var dirs []string
	doors, _, _ := control.Find(ctx) // without doors there may be recordings all the same
	for _, d := range doors {
		going, err := d.Recordings(ctx)
		for i := range going {
			if err == nil {
				dirs = append(dirs, going[i].Dir)
			}
		}
	}
	var beside []string
	if own := recordingsDir("any"); own != "" {
		beside = append(beside, filepath.Dir(own))
	}
	journals, _ := journal.Dirs()
	for _, dir := range journals {
		beside = append(beside, filepath.Dir(recordingsBeside(dir)))
	}
	slices.Sort(beside)
	for _, dir := range slices.Compact(beside) {
		dirs = append(dirs, folders(dir)...)
	}
	slices.Sort(dirs)
	return slices.DeleteFunc(slices.Compact(dirs), func(dir string) bool { return !readable(dir) })
}

func folders(dir string) (found []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	return found
}

// readable says whether a directory is there and is this user's to read.
func readable(dir string) bool {
	_, err := os.ReadDir(dir)
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission)
}
