package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/proxy/flow"
)

// recordStatsFlags are the command line of record stats.
type recordStatsFlags struct {
	whichRecordings
	sessionChoice
	json bool
}

func newRecordStatsCommand() *cobra.Command {
	f := &recordStatsFlags{}
	cmd := &cobra.Command{
		Use:   "stats [FILE|DIR...]",
		Short: "Add up what is in recordings",
		Long: `Add up what is in recordings: sessions, bytes of each side, what of them was kept and why not the rest, programs.

What a client said is counted where lodoor read it, and so is what a service said, as the journal's close records count
it.`,
		PreRunE: func(*cobra.Command, []string) error { return f.parse(time.Now()) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), args)
		},
	}
	f.whichRecordings.register(cmd.Flags())
	f.sessionChoice.register(cmd.Flags())
	cmd.Flags().BoolVar(&f.json, "json", false, "the numbers, as an object")
	return cmd
}

// recordStats are the sums.
type recordStats struct {
	Files   int    `json:"files"`
	Size    int64  `json:"size"`
	Packets uint64 `json:"packets"` // of all sessions
	// Sessions are counted once, however many files have a part of one.
	Sessions    int               `json:"sessions"`
	Late        int               `json:"late,omitempty"`       // that had begun before
	Unfinished  int               `json:"unfinished,omitempty"` // whose end is in none of the files
	Began       time.Time         `json:"began,omitzero"`
	Ended       time.Time         `json:"ended,omitzero"`
	FromClient  uint64            `json:"bytes_from_client"`
	FromBackend uint64            `json:"bytes_from_backend"`
	Kept        uint64            `json:"bytes_kept"`
	NotKept     map[string]uint64 `json:"bytes_not_kept,omitempty"` // by reason
	Programs    []programStats    `json:"programs,omitempty"`

	services, endings kinds
	abouts            []string
	byProgram         map[string]*programStats
}

// programStats are the sums of one program.
type programStats struct {
	Program     string `json:"program"`
	Sessions    uint64 `json:"sessions"`
	FromClient  uint64 `json:"bytes_from_client"`
	FromBackend uint64 `json:"bytes_from_backend"`
}

func (f *recordStatsFlags) run(ctx context.Context, out, errs io.Writer, args []string) error {
	found, err := f.find(ctx, args, errs)
	if err != nil {
		return err
	}
	files, err := f.catalogue(ctx, found)
	if err != nil {
		return err
	}
	f.needKeys(files)
	chosen, err := f.choose(files)
	if err != nil {
		return err
	}
	s := addUp(files, chosen)
	if f.json {
		err = writeJSON(out, s)
	} else {
		_, err = io.WriteString(out, s.page(colored(out)))
	}
	if err != nil {
		return err
	}
	return f.incomplete()
}

func addUp(files []*recordedFile, chosen map[*recordedSession]bool) *recordStats {
	s := &recordStats{NotKept: map[string]uint64{}, byProgram: map[string]*programStats{}}
	parts := map[string][]*recordedSession{}
	var names []string
	for _, file := range files {
		s.Files++
		s.Size += file.Size
		s.Packets += file.packets
		if file.about != "" && !slices.Contains(s.abouts, file.about) {
			s.abouts = append(s.abouts, file.about)
		}
		for i, one := range file.sessions {
			if !chosen[one] {
				continue
			}
			name := one.Name()
			if one.ID == "" { // addresses come again
				name = fmt.Sprintf("%s %d", file.Path, i)
			}
			if parts[name] == nil {
				names = append(names, name)
			}
			parts[name] = append(parts[name], one)
		}
	}
	for _, name := range names {
		s.add(parts[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.byProgram)) {
		s.Programs = append(s.Programs, *s.byProgram[name])
	}
	slices.SortStableFunc(s.Programs, func(a, b programStats) int { return cmp.Compare(b.Sessions, a.Sessions) })
	return s
}

// add adds a session, of which several files may have a part.
func (s *recordStats) add(parts []*recordedSession) {
	first, last := parts[0], parts[len(parts)-1]
	s.Sessions++
	if first.Late {
		s.Late++
	}
	if goOn(parts) {
		s.Unfinished++
	}
	if s.Began.IsZero() || first.Opened.Before(s.Began) {
		s.Began = first.Opened
	}
	if last.last.After(s.Ended) {
		s.Ended = last.last
	}
	in, out, missing, why := sumParts(parts)
	s.FromClient += in
	s.FromBackend += out
	s.Kept += in + out - missing
	for reason, n := range why {
		s.NotKept[cmp.Or(reason, "unknown")] += n
	}
	s.services.add(last.Service)
	s.endings.add(last.ended())
	s.program(cmp.Or(last.Program, "unknown"), in, out)
}

func (s *recordStats) program(name string, in, out uint64) {
	p := s.byProgram[name]
	if p == nil && len(s.byProgram) == statsKinds {
		name = "others"
		p = s.byProgram[name]
	}
	if p == nil {
		p = &programStats{Program: name}
		s.byProgram[name] = p
	}
	p.Sessions++
	p.FromClient += in
	p.FromBackend += out
}

// page shows the sums to a person.
func (s *recordStats) page(color bool) string {
	page := &sheet{label: len("programs"), color: color}
	page.line("files", fmt.Sprintf("%d, %s", s.Files, flow.Size(s.Size).Human()))
	page.line("packets", fmt.Sprintf("%d, of all sessions", s.Packets))
	page.row("sessions", s.sessionsText())
	if s.Sessions > 0 {
		page.row("time", fmt.Sprintf("%s to %s, %s", zonedTime(s.Began), zonedTime(s.Ended), shownSpan(s.Ended.Sub(s.Began))))
	}
	page.row("bytes", fmt.Sprintf("%d from clients (%s), %d from services (%s)", s.FromClient, humanSize(s.FromClient),
		s.FromBackend, humanSize(s.FromBackend)))
	if all := s.FromClient + s.FromBackend; all > 0 {
		page.line("kept", fmt.Sprintf("%d, %.1f %%", s.Kept, 100*float64(s.Kept)/float64(all)))
	}
	if len(s.NotKept) > 0 {
		page.row("not kept", fmt.Sprintf("%d%s", s.FromClient+s.FromBackend-s.Kept, reasonsText(s.NotKept)))
	}
	for _, k := range []struct {
		label string
		of    *kinds
	}{{"services", &s.services}, {"ends", &s.endings}} {
		if words := k.of.words(); words != "" {
			page.row(k.label, words)
		}
	}
	for _, about := range s.abouts {
		page.row("made", about)
	}
	for i, p := range s.Programs {
		label := ""
		if i == 0 {
			label = "programs"
		}
		if i == statsShown {
			page.line("", fmt.Sprintf("and %d more", len(s.Programs)-i))
			break
		}
		page.line(label, fmt.Sprintf("%s: %s, %s and %s", p.Program, plural(p.Sessions, "session"), humanSize(p.FromClient),
			humanSize(p.FromBackend)))
	}
	return page.String()
}

func (s *recordStats) sessionsText() string {
	text := fmt.Sprint(s.Sessions)
	if s.Late > 0 {
		text += fmt.Sprintf("; %s begun before the recordings", hasHave(uint64(s.Late), "session"))
	}
	if s.Unfinished > 0 {
		text += fmt.Sprintf("; %d without an end in them", s.Unfinished)
	}
	return text
}
