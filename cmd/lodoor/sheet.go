package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/lodoor/lodoor/logsink/terminal"
)

// sheetWidth is what rows are broken at: the narrowest terminal that is usual.
const sheetWidth = 80

// sheet is a text in two columns, labels and what is to be said. What is not visible in either is written as an escape.
type sheet struct {
	strings.Builder
	label int // the width of the labels
	color bool
}

// isTerminal says whether w is a person's screen.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colored says whether what is written to w may have colours: https://no-color.org.
func colored(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// head is a row that begins a block.
func (s *sheet) head(label, text string) { s.put("\x1b[1m", label, text) }

// row breaks text between words where it is too wide.
func (s *sheet) row(label, text string) {
	for i, line := range wrap(text, sheetWidth-s.label-4) {
		if i > 0 {
			label = ""
		}
		s.line(label, line)
	}
}

// line is a row that is not broken: something to copy.
func (s *sheet) line(label, text string) { s.put("\x1b[2m", label, text) }

func (s *sheet) put(paint, label, text string) {
	label = terminal.Visible(label)
	pad := strings.Repeat(" ", max(0, s.label-utf8.RuneCountInString(label)))
	if s.color && label != "" {
		label = paint + label + "\x1b[0m"
	}
	fmt.Fprintf(s, "  %s%s  %s\n", label, pad, terminal.Visible(text))
}

// wrap breaks a text between words into lines of at most width; a word that is longer stands alone.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
