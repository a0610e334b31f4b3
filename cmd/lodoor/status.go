package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/proxy/flow"
)

func newStatusCommand() *cobra.Command {
	which := &whichDoor{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "status [--instance NAME | --dir DIR] [--json]",
		Short: "Show how the doors that run do",
		Long: `Show how the doors that run do: their services with what came and what was refused since the start, the journal, and
how far everything is that is fed from it: history, exports, deliveries of alerts, with the last error of each.`,
		Args:    noArgs,
		PreRunE: notBoth("instance", "dir"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return which.each(cmd.Context(), func(d *control.Client, first bool) error {
				s, err := d.Status(cmd.Context())
				if err != nil {
					return err
				}
				return showStatus(cmd.OutOrStdout(), &s, asJSON, !first)
			})
		},
	}
	which.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "one object for each door")
	return cmd
}

func showStatus(w io.Writer, s *control.Status, asJSON, further bool) error {
	if asJSON {
		return writeJSON(w, s)
	}
	text := &sheet{label: len("operations"), color: colored(w)}
	if further {
		text.WriteByte('\n')
	}
	for i := range s.Services {
		text.label = min(max(text.label, len(s.Services[i].Name)), 16)
	}
	for _, f := range s.Feeds {
		text.label = max(text.label, len(f.Name))
	}
	text.head(s.Instance, "up for "+s.Now.Sub(s.Started).Truncate(time.Second).String())
	for i := range s.Services {
		statusOfService(text, &s.Services[i])
	}
	statusOfJournal(text, s.Journal)
	statusOfRecording(text, s.Recording)
	statusOfOperations(text, s.Operations)
	for i := range s.Sinks {
		statusOfSink(text, &s.Sinks[i])
	}
	for i := range s.Feeds {
		text.row(s.Feeds[i].Name, feedWords(&s.Feeds[i], s.Now))
	}
	for _, m := range s.Without {
		text.row("without", m)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func statusOfService(text *sheet, s *control.ServiceStatus) {
	if len(s.Fronts) == 0 {
		text.row(s.Name, "not served any more")
	} else {
		text.line(s.Name, strings.Join(s.Fronts, " and ")+" -> "+s.Backend)
	}
	text.row("", fmt.Sprintf("%d open; %s since the start, %s in, %s out", s.Open, plural(s.Opened, "session"),
		flow.Size(s.BytesFromClient).Human(), flow.Size(s.BytesFromBackend).Human()))
	if s.Undialled > 0 {
		text.row("", "backend not reached by "+plural(s.Undialled, "session"))
	}
	var refused uint64
	var causes []string
	for _, cause := range slices.Sorted(maps.Keys(s.Refused)) {
		refused += s.Refused[cause]
		causes = append(causes, fmt.Sprintf("%s %d", cause, s.Refused[cause]))
	}
	if refused > 0 {
		text.row("", fmt.Sprintf("%d refused: %s", refused, strings.Join(causes, ", ")))
	}
}

func statusOfJournal(text *sheet, j *control.JournalStatus) {
	if j == nil {
		text.row("journal", "off: nothing is kept")
		return
	}
	text.line("journal", j.Dir)
	text.row("", fmt.Sprintf("%s written since the start (%s), %d dropped; durability %s, when it is full: %s",
		plural(j.Written, "record"), flow.Size(j.Bytes).Human(), j.Dropped, j.Durability, j.OnFull))
	if j.Error != "" {
		text.row("", "last error: "+j.Error)
	}
}

func statusOfRecording(text *sheet, r *control.RecordingStatus) {
	if r == nil {
		return
	}
	text.line("recording", r.Dir)
	text.row("", fmt.Sprintf("%s since the start in %s; %s of at most %s taken", plural(r.Sessions, "session"),
		plural(r.Files, "file"), flow.Size(r.Used).Human(), flow.Size(r.Max).Human()))
	if r.NotKept > 0 {
		text.row("", fmt.Sprintf("%s were kept, of %s only the lengths", flow.Size(r.Kept).Human(), flow.Size(r.NotKept).Human()))
	}
	if r.Missed > 0 {
		text.row("", plural(r.Missed, "session")+" could not be recorded")
	}
	if r.Failed {
		text.row("", fmt.Sprintf("the disk failed, %s that were kept are lost, and nothing is recorded until somebody asks anew",
			flow.Size(r.Lost).Human()))
	}
	for i := range r.Active {
		if a := &r.Active[i]; !a.Configured {
			text.row("", activeWords(a))
		}
	}
}

// activeWords tell of a recording that somebody began.
func activeWords(r *control.Recording) string {
	said := r.Service + " is recorded for " + r.By
	if r.When != "" {
		said += " when " + r.When
	}
	if !r.Until.IsZero() {
		said += ", until " + zonedTime(r.Until)
	}
	return said
}

func statusOfOperations(text *sheet, o *control.OperationsStatus) {
	if o == nil {
		return
	}
	said := fmt.Sprintf("%s read, %d recorded", plural(o.Seen, "operation"), o.Recorded)
	if o.Dropped > 0 {
		said += fmt.Sprintf(", %d dropped, since they came too fast", o.Dropped)
	}
	text.row("operations", said)
}

// statusOfSink tells only of trouble: what is well with a sink is seen by its readers.
func statusOfSink(text *sheet, s *control.SinkStatus) {
	switch {
	case s.Ended:
		text.row(s.Name, "has failed and gets nothing any more")
	case s.Dropped > 0:
		text.row(s.Name, fmt.Sprintf("was too slow for %s", plural(s.Dropped, "record")))
	}
}

// feedWords say how far a feed is.
func feedWords(f *control.FeedStatus, now time.Time) string {
	words := []string{"up to date"}
	if f.Behind > 0 {
		words[0] = fmt.Sprintf("%s behind", plural(f.Behind, "record"))
		if f.Lag >= time.Second {
			words[0] += ", the oldest for " + f.Lag.Truncate(time.Second).String()
		}
	}
	words[0] += fmt.Sprintf(" (at record %d)", f.Seq)
	if f.Skipped > 0 {
		words = append(words, plural(f.Skipped, "record")+" were erased before it took them")
	}
	if f.Error != "" {
		failing := "failing"
		if f.Since != nil {
			failing += " for " + now.Sub(*f.Since).Truncate(time.Second).String()
		}
		words = append(words, failing+": "+f.Error)
	}
	return strings.Join(words, "; ")
}
