package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func newAlertsListCommand() *cobra.Command {
	which := &whichDoor{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list [--json]",
		Short: "Show what asks for attention now, the silences, and what was learned",
		Long: `Show what asks for attention now at the doors that run: alerts that are not over, silences, and until when programs
are learned. What was told in the past is shown by 'lodoor logs --event alert'.`,
		Args:    noArgs,
		PreRunE: notBoth("instance", "dir"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return which.each(cmd.Context(), func(d *control.Client, _ bool) error {
				a, err := d.Alerts(cmd.Context())
				if err != nil {
					return err
				}
				return showAlerts(cmd.OutOrStdout(), d.Instance, &a, asJSON)
			})
		},
	}
	which.register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "one object for each door")
	return cmd
}

func showAlerts(w io.Writer, instance string, a *control.Alerts, asJSON bool) error {
	if asJSON {
		return writeJSON(w, struct {
			Instance string `json:"instance"`
			*control.Alerts
		}{instance, a})
	}
	text := &sheet{label: len("0123456789abcdef"), color: colored(w)}
	text.head(instance, alertsTotal(a))
	for i := range a.Active {
		text.row(a.Active[i].ID, alertLine(&a.Active[i]))
	}
	now := time.Now()
	for i := range a.Silences {
		if !a.Silences[i].Expired(now) {
			text.row("silence", silenceLine(&a.Silences[i]))
		}
	}
	if !a.Learning.IsZero() {
		text.row("programs", learnedLine(a, now))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func alertsTotal(a *control.Alerts) string {
	if len(a.Active) == 0 {
		return "nothing asks for attention"
	}
	return plural(uint64(len(a.Active)), "alert")
}

// alertLine is an alert with who takes care of it.
func alertLine(s *alert.Status) string {
	words := []string{fmt.Sprintf("%s %s since %s: %s", strings.ToUpper(s.Severity.String()), s.Condition,
		zonedTime(s.First), s.Message)}
	switch {
	case s.Told.IsZero():
		words = append(words, "not told yet")
	case s.Acked != "":
		words = append(words, "taken care of by "+s.Acked)
	}
	if !s.Silenced.IsZero() {
		words = append(words, "silenced until "+zonedTime(s.Silenced))
	}
	return strings.Join(words, "; ")
}

// silenceLine says what is not told, for how long, and who wants it so.
func silenceLine(s *alert.Silence) string {
	var what []string
	for _, m := range []flow.Label{
		{Name: "alert", Value: s.Alert}, {Name: "condition", Value: s.Condition}, {Name: "service", Value: s.Service},
		{Name: "program", Value: s.Program}, {Name: "zone", Value: s.Zone}, {Name: "severity", Value: s.Severity},
	} {
		if m.Value != "" {
			what = append(what, m.Name+" "+terminal.Visible(m.Value))
		}
	}
	text := fmt.Sprintf("%s: %s until %s, by %s", s.ID, strings.Join(what, ", "), zonedTime(s.Until), s.By)
	if s.Why != "" {
		text += ": " + s.Why
	}
	return text
}

func learnedLine(a *control.Alerts, now time.Time) string {
	known := plural(uint64(len(a.Programs)), "program") + " known"
	if now.Before(a.Learning) {
		return known + "; learned until " + zonedTime(a.Learning)
	}
	return known + "; others are told as new"
}
