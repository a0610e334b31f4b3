package probe

import "strings"

// Bounds of what is shown of a greeting.
const (
	wordLeast     = 3 // shorter runs of letters are chance
	greetingShown = 100
)

// readable are the printable ASCII runs of a greeting, as strings(1) finds them.
func readable(b []byte) string {
	words := strings.FieldsFunc(string(b), func(r rune) bool { return r < ' ' || r > '~' })
	var shown []string
	for _, w := range words {
		if len(w) >= wordLeast {
			shown = append(shown, w)
		}
	}
	text := strings.Join(shown, " ")
	if len(text) > greetingShown {
		text = text[:greetingShown] + "..."
	}
	return text
}

// isComplaint says whether a greeting is an error: Redis' "-DENIED" and "-ERR", MySQL's error packet (0xff after the
// header of four bytes, as for a host that is blocked), PostgreSQL's 'E' message with its severity field.
func isComplaint(b []byte) bool {
	text := string(b)
	return strings.HasPrefix(text, "-ERR ") || strings.HasPrefix(text, "-DENIED ") ||
		len(b) > 6 && b[3] == 0 && b[2] == 0 && b[4] == 0xff ||
		len(b) > 6 && b[0] == 'E' && b[1] == 0 && b[5] == 'S'
}
