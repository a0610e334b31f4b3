package main

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/lodoor/lodoor/logsink/terminal"
)

// grid is a table whose last column is text that is broken where it is too wide. Of the other columns the first ones are
// figures, which stand to the right, and the rest words.
type grid struct {
	heads   []string
	figures int
	rows    []gridRow
}

// gridRow has a cell for each head but the last one, and one text or several for that one.
type gridRow struct {
	cells []string
	texts []string
}

// wordMax is how many characters a word's cell has.
const wordMax = 16

// leastText is how wide texts are even where the table has no room for that.
const leastText = 20

func (g *grid) add(cells []string, texts ...string) { g.rows = append(g.rows, gridRow{cells, texts}) }

// write lays the table out in width, each text in a few lines at most. What is not visible in any cell is written as an
// escape.
func (g *grid) write(b *bytes.Buffer, width, textLines int) {
	columns := len(g.heads) - 1
	for i := range g.rows {
		for j, cell := range g.rows[i].cells {
			g.rows[i].cells[j] = clipped(terminal.Visible(cell), wordMax)
		}
	}
	widths := make([]int, columns)
	for j := range columns {
		widths[j] = len(g.heads[j])
		for i := range g.rows {
			widths[j] = max(widths[j], utf8.RuneCountInString(g.rows[i].cells[j]))
		}
		width -= widths[j] + 1
	}
	width = max(width-1, leastText)
	g.line(b, widths, g.heads[:columns], g.heads[columns])
	for _, r := range g.rows {
		cells := r.cells
		for _, text := range r.texts {
			for _, line := range broken(terminal.Visible(text), width, textLines) {
				g.line(b, widths, cells, line)
				cells = nil
			}
		}
	}
}

// line is one line of the table; without cells they are blank.
func (g *grid) line(b *bytes.Buffer, widths []int, cells []string, text string) {
	var line strings.Builder
	for j, width := range widths {
		cell := ""
		if cells != nil {
			cell = cells[j]
		}
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
		if j < g.figures {
			line.WriteString(pad + cell + " ")
		} else {
			line.WriteString(cell + pad + " ")
		}
	}
	b.WriteString(strings.TrimRight(line.String()+" "+text, " ") + "\n")
}

// clipped is a text that is no longer than width characters.
func clipped(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:width-1]) + "…"
}

// broken breaks a text into lines of width, between words where that is near; behind the last line that there may be is
// an ellipsis. There is at least one line.
func broken(text string, width, most int) []string {
	var lines []string
	rest := []rune(text)
	for len(rest) > width {
		if len(lines) == most-1 {
			return append(lines, clipped(string(rest), width))
		}
		cut := width
		for i := width; i > width/2; i-- {
			if rest[i] == ' ' {
				cut = i
				break
			}
		}
		lines = append(lines, strings.TrimRight(string(rest[:cut]), " "))
		rest = []rune(strings.TrimLeft(string(rest[cut:]), " "))
	}
	return append(lines, string(rest))
}
