package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lodoor/lodoor/logsink/journal"
)

// whichJournals is how a command line names journals that are read.
type whichJournals struct {
	dirs     []string
	instance string
}

func (w *whichJournals) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&w.dirs, "dir", nil, "the journal in `DIR` (repeatable)")
	flags.StringVar(&w.instance, "instance", "", "the journal of this instance `NAME`")
}

// find lists the directories that are meant: without a name, those of all instances that can be read.
func (w *whichJournals) find() ([]string, error) {
	if len(w.dirs) > 0 {
		for _, dir := range w.dirs {
			if err := hasJournal(dir); err != nil {
				return nil, err
			}
		}
		return w.dirs, nil
	}
	all, err := journal.Dirs()
	if err != nil {
		return nil, fmt.Errorf("look for journals: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no journal yet: 'lodoor run' writes one, unless --journal is off; " +
			"one in another place is named with --dir DIR")
	}
	if w.instance == "" {
		return all, nil
	}
	dirs := slices.DeleteFunc(slices.Clone(all), func(dir string) bool { return filepath.Base(dir) != w.instance })
	if len(dirs) == 0 {
		return nil, fmt.Errorf("there is no journal of instance %q; there is %s", w.instance, instances(all))
	}
	return dirs, nil
}

// hasJournal says what is wrong with a directory that somebody named.
func hasJournal(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	if !slices.ContainsFunc(entries, isSegment) {
		return fmt.Errorf("there is no journal in %s", dir)
	}
	return nil
}

// isSegment says whether a file is part of a journal, compressed or not.
func isSegment(e os.DirEntry) bool {
	name := strings.TrimSuffix(e.Name(), ".zst")
	return strings.HasPrefix(name, "journal-") && strings.HasSuffix(name, ".jsonl")
}

func instances(dirs []string) string {
	names := make([]string, len(dirs))
	for i, dir := range dirs {
		names[i] = filepath.Base(dir)
	}
	return strings.Join(names, ", ")
}
