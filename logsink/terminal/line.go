package terminal

// paint is a colour code; the zero one is the terminal's own.
type paint string

const (
	plain  paint = ""
	red    paint = "\x1b[1;31m"
	yellow paint = "\x1b[33m"
	green  paint = "\x1b[32m"
	dim    paint = "\x1b[2m"
	reset  paint = "\x1b[0m"
)

// line is put together from cells, two spaces apart. Only here do colour codes and texts come together.
type line struct {
	dst   []byte
	gap   int // spaces that are due before the next cell
	color bool
}

// cell appends s, padded to width.
func (l *line) cell(p paint, s string, width int) {
	w := l.put(p, s, maxText)
	l.gap += max(0, width-w)
}

// fixed appends s, padded or cut to width.
func (l *line) fixed(p paint, s string, width int) {
	w := l.put(p, s, width)
	l.gap += max(0, width-w)
}

// right appends s, padded on the left to width. It is for short texts of our own.
func (l *line) right(s string, width int) {
	l.gap += max(0, width-len([]rune(s)))
	l.put(plain, s, maxText)
}

func (l *line) put(p paint, s string, limit int) (width int) {
	if s == "" {
		l.gap += 2
		return 0
	}
	for range l.gap {
		l.dst = append(l.dst, ' ')
	}
	colored := l.color && p != plain
	if colored {
		l.dst = append(l.dst, p...)
	}
	l.dst, width = appendText(l.dst, s, limit)
	if colored {
		l.dst = append(l.dst, reset...)
	}
	l.gap = 2
	return width
}

func (l *line) end() []byte { return append(l.dst, '\n') }
