package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// sessionSheet is what recordings have of a session, in a few rows. The parts are those of the files that it is in.
func sessionSheet(parts []*recordedSession, color bool) string {
	page := &sheet{label: len("not kept"), color: color}
	first, last := parts[0], parts[len(parts)-1]
	page.head("session", first.Name()+" of "+first.Service)
	begun := zonedTime(first.Opened)
	if first.Late {
		begun = "before the recording, which has it from " + begun
	}
	page.line("began", fmt.Sprintf("%s, %s", begun, lengthText(parts)))
	page.line("client", last.who()+fromText(first))
	if s := connectedPart(parts); s != nil {
		page.line("service", fmt.Sprintf("%s, which sees %s", s.Server, s.Back))
	}
	if v := verdictText(last); v != "" {
		page.line("verdict", v)
	}
	in, out, missing, why := sumParts(parts)
	page.line("bytes", fmt.Sprintf("%s from the client, %s from the service", humanSize(in), humanSize(out)))
	if missing > 0 {
		page.row("not kept", humanSize(missing)+reasonsText(why))
	}
	for i, s := range parts {
		label := ""
		if i == 0 {
			label = "file"
		}
		page.line(label, s.file.Path)
	}
	return page.String()
}

func lengthText(parts []*recordedSession) string {
	first, last := parts[0], parts[len(parts)-1]
	text := shownSpan(last.last.Sub(first.Opened)) + " long"
	if goOn(parts) {
		return text + " so far"
	}
	return text
}

func fromText(s *recordedSession) string {
	if !s.Client.IsValid() {
		return ""
	}
	return fmt.Sprintf(" at %s, to %s", s.Client, s.Front)
}

func connectedPart(parts []*recordedSession) *recordedSession {
	i := slices.IndexFunc(parts, func(s *recordedSession) bool { return s.Back.IsValid() })
	if i < 0 {
		return nil
	}
	return parts[i]
}

func verdictText(s *recordedSession) string {
	if s.Rule == "" {
		return s.Verdict
	}
	return strings.TrimSpace(s.Verdict + " by rule " + s.Rule)
}

// sumParts adds up what several files have of a session.
func sumParts(parts []*recordedSession) (in, out, missing uint64, why map[string]uint64) {
	why = map[string]uint64{}
	for _, s := range parts {
		for _, d := range []flow.Direction{flow.FromClient, flow.FromBackend} {
			n, gone, reasons := s.sums(d)
			missing += gone
			if d == flow.FromClient {
				in += n
			} else {
				out += n
			}
			for reason, n := range reasons {
				why[reason] += n
			}
		}
	}
	return in, out, missing, why
}

// reasonsText are the reasons for which bytes were not kept.
func reasonsText(why map[string]uint64) string {
	var words []string
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		name := reason
		if name == "" {
			name = "not told why"
		}
		words = append(words, fmt.Sprintf("%s %s", name, humanSize(why[reason])))
	}
	return ": " + strings.Join(words, ", ")
}
