package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/lodoor/lodoor/logsink/operations"
)

// queryView is how queries are shown.
type queryView struct {
	by    queryOrder
	limit int
	json  bool
	width int
	lines int // of a text, at most
}

const (
	fewRows   = 3                // of the lesser parts of the page
	textLines = 3                // of a text, where nothing is said of how many
	idleLeast = 10 * time.Second // of a transaction that is idle
)

// show writes what was asked in the form that is wanted.
func (q *queries) show(out io.Writer) error {
	if q.view.json {
		return q.showJSON(out)
	}
	_, err := out.Write(q.page())
	return err
}

// page is a head and one table, or those that matter.
func (q *queries) page() []byte {
	var b bytes.Buffer
	b.WriteString(q.head() + "\n")
	if q.view.by != byPage {
		q.part(&b, q.view.by, q.view.limit)
	} else {
		q.part(&b, byTotal, q.view.limit)
		for _, by := range []queryOrder{byErrors, byLoop, byIdle} {
			if g := q.grid(by, 0); len(g.rows) > 0 {
				q.part(&b, by, fewRows)
			}
		}
	}
	if n := q.table.Forgotten(); n > 0 {
		fmt.Fprintf(&b, "\n%s forgotten, since there were too many: not all is here\n", plural(n, "row"))
	}
	return b.Bytes()
}

// head says what there is, and from when.
func (q *queries) head() string {
	n, first, last := q.table.Count()
	if n == 0 {
		return "nothing was asked yet"
	}
	failed := ""
	if q.failed > 0 {
		failed = fmt.Sprintf(", %d failed", q.failed)
	}
	return fmt.Sprintf("%s%s, %s, for %s", plural(n, "operation"), failed, zonedTime(first), shownSpan(last.Sub(first)))
}

// part is a table with a title.
func (q *queries) part(b *bytes.Buffer, by queryOrder, limit int) {
	g := q.grid(by, 0)
	more := len(g.rows) - limit
	if limit > 0 && more > 0 {
		g.rows = g.rows[:limit]
	}
	fmt.Fprintf(b, "\n%s\n", by.title())
	if len(g.rows) == 0 {
		b.WriteString("nothing\n")
		return
	}
	g.write(b, q.view.width, q.view.lines)
	switch {
	case limit == 0 || more <= 0:
	case q.view.by == byPage && by != byTotal:
		fmt.Fprintf(b, "%d more: --by %s\n", more, by)
	default:
		fmt.Fprintf(b, "%d more: --limit N shows them\n", more)
	}
}

func (o queryOrder) title() string {
	switch o {
	case bySlowest:
		return "SLOWEST"
	case byCalls:
		return "MOST OFTEN"
	case byErrors:
		return "ERRORS"
	case byProgram:
		return "PROGRAMS"
	case byLoop:
		return "N+1: ASKED ONE BY ONE, WHERE ONCE WOULD DO"
	case byIdle:
		return fmt.Sprintf("IDLE IN A TRANSACTION, FOR %s OR MORE", shownSpan(idleLeast))
	}
	return "MOST TIME"
}

// statementOrder is the order of statements that is meant.
func (o queryOrder) statementOrder() operations.Order {
	switch o {
	case bySlowest:
		return operations.ByMax
	case byCalls:
		return operations.ByCount
	}
	return operations.ByTotal
}

// screenWidth is how wide a table may be: as a terminal is that shows it, at least and otherwise sheetWidth.
func screenWidth(out io.Writer) int {
	width, _ := screenSize(out)
	return max(width, sheetWidth)
}

// screenSize is that of the terminal that out is; 0 when it is none.
func screenSize(out io.Writer) (width, height int) {
	f, ok := out.(*os.File)
	if !ok {
		return 0, 0
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}

// firstLines are the first n lines of a text; all of it when n is 0.
func firstLines(text string, n int) string {
	if n <= 0 {
		return text
	}
	end := 0
	for range n {
		i := strings.IndexByte(text[end:], '\n')
		if i < 0 {
			return text
		}
		end += i + 1
	}
	return text[:end]
}
