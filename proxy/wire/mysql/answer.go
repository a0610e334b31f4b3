package mysql

import (
	"errors"
	"fmt"
)

// serverSays says what a server's packet is.
func (d *dialogue[Q]) serverSays(f frame) (kind, error) {
	isERR := f.first == headERR && f.length >= 3
	switch {
	case d.phase == phaseReplica:
		return kindText, nil
	case d.phase == phaseGreeting && f.first == 10:
		return kindGreeting, nil
	case isERR:
		return kindERR, nil
	case d.phase != phaseCommands:
		return 0, fmt.Errorf("the server's first packet begins with %#02x where protocol 10 or an error was expected", f.first)
	case len(d.asked) == 0:
		return 0, fmt.Errorf("the server sends a packet that begins with %#02x and that nothing asked for", f.first)
	}
	switch d.step {
	case stepFirst:
		return d.firstSays(f)
	case stepColumns, stepParams, stepPrepared:
		return kindColumn, nil
	case stepRows:
		if d.endsRows(f) {
			return kindEOF, nil
		}
		if d.asked[0].command == comFieldList {
			return kindColumn, nil
		}
		return kindRow, nil
	case stepFile:
		return 0, errors.New("the server speaks while the client sends a file")
	}
	if f.first == headEOF && f.length < 9 {
		return kindEOF, nil
	}
	return 0, fmt.Errorf("a packet begins with %#02x where columns end", f.first)
}

// endsRows says whether a packet stands behind the last row. A row whose first value is very long begins like one.
func (d *dialogue[Q]) endsRows(f frame) bool {
	if d.caps&capDeprecateEOF != 0 {
		return f.first == headEOF && f.length < frameMax
	}
	return f.first == headEOF && f.length < 9
}

// wholeRows counts the rows that b begins with and has whole. Most of what a server sends are rows, and most rows are
// short.
func (d *dialogue[Q]) wholeRows(b []byte) (n, rows int) {
	if d.step != stepRows || d.phase != phaseCommands || len(d.asked) == 0 || d.asked[0].command == comFieldList {
		return 0, 0
	}
	const header = 4
	for len(b)-n > header {
		length := int(b[n]) | int(b[n+1])<<8 | int(b[n+2])<<16
		first := b[n+header]
		if length == 0 || length == frameMax || first >= headEOF || length > len(b)-n-header {
			break
		}
		n += header + length
		rows++
	}
	return n, rows
}

// firstSays says what the first packet of an answer is.
func (d *dialogue[Q]) firstSays(f frame) (kind, error) {
	command := d.asked[0].command
	switch {
	case command == comStatistics:
		return kindText, nil
	case command == comStmtFetch, command == comFieldList:
		d.step, d.binary = stepRows, true
		return d.serverSays(f)
	case f.first == headOK && command == comStmtPrepare:
		return kindPrepared, nil
	case f.first == headOK && f.length > 0:
		return kindOK, nil
	case logsIn(command) && (f.first == headEOF || f.first == headFactor):
		return kindSwitch, nil
	case logsIn(command) && f.first == headMore:
		return kindMore, nil
	case f.first == headEOF && f.length < 9:
		return kindEOF, nil
	case command == comQuery && f.first == headInfile:
		return kindInfile, nil
	case hasRows(command) && f.first > 0 && f.first != headInfile:
		return kindCount, nil
	}
	return 0, fmt.Errorf("an answer to %s begins with %#02x", commandWord(command), f.first)
}

// hasRows says whether a command may be answered with rows.
func hasRows(command byte) bool {
	switch command {
	case comQuery, comProcessInfo, comStmtExecute, comStmtBulkExecute:
		return true
	}
	return false
}

// commandWord names a command in an error.
func commandWord(command byte) string {
	switch command {
	case comQuery:
		return "a statement"
	case comStmtPrepare:
		return "a statement to prepare"
	case comStmtExecute, comStmtBulkExecute:
		return "a prepared statement"
	}
	return commandName(command)
}

// serverSaid goes on behind a packet of the server's that is whole.
func (d *dialogue[Q]) serverSaid(k kind, head []byte) (r result, err error) {
	ok := true
	switch k {
	case kindRow, kindSwitch, kindMore:
	case kindGreeting:
		err = d.greet(head)
	case kindOK:
		r, ok = readOK(head, d.caps)
		d.resultEnds(&r)
	case kindEOF:
		r, ok = readEOF(head, d.caps)
		d.eof(&r)
	case kindERR:
		if r, ok = readERR(head); r.code == errProgress && d.caps&capProgress != 0 {
			return result{}, nil
		}
		r.done = true
	case kindText:
		r.done = true
	case kindInfile:
		d.step = stepFile
	case kindCount:
		ok = d.count(head)
	case kindColumn:
		d.column(&r)
	case kindPrepared:
		ok = d.prepare(head, &r)
	}
	if !ok {
		err = errors.New("a packet of the server ends too early")
	}
	return r, err
}

// resultEnds is at the end of a result: of the last one, unless the server says otherwise.
func (d *dialogue[Q]) resultEnds(r *result) {
	d.step = stepFirst
	r.done = r.status&statusMoreResults == 0
}

// count begins a result with columns.
func (d *dialogue[Q]) count(head []byte) (ok bool) {
	p := payload{b: head}
	d.left = p.lenenc()
	d.columns = d.left
	d.binary = d.asked[0].command != comQuery && d.asked[0].command != comProcessInfo
	follow := true
	if d.caps&capCacheMetadata != 0 {
		follow = p.uint8() != 0
	}
	d.step = stepColumns
	if !follow {
		d.columnsEnd(stepColumnsEnd, stepRows)
	}
	return !p.bad && d.left > 0
}

// columnsEnd goes on behind the last column: with EOF if there is one, or else with what comes behind it.
func (d *dialogue[Q]) columnsEnd(end, behind step) {
	d.step = end
	if d.caps&capDeprecateEOF != 0 {
		d.step = behind
	}
}

// column counts a column, or a parameter.
func (d *dialogue[Q]) column(r *result) {
	if d.step == stepRows { // COM_FIELD_LIST
		return
	}
	if d.left--; d.left > 0 {
		return
	}
	switch d.step {
	case stepColumns:
		d.columnsEnd(stepColumnsEnd, stepRows)
	case stepParams:
		d.columnsEnd(stepParamsEnd, stepPrepared)
		if d.step == stepPrepared {
			d.preparedColumns(r)
		}
	default:
		d.columnsEnd(stepPreparedEnd, stepFirst)
		r.done = d.step == stepFirst
	}
}

// preparedColumns goes on with the columns of a prepared statement, if it has any.
func (d *dialogue[Q]) preparedColumns(r *result) {
	d.step, d.left = stepPrepared, d.prepared
	r.done = d.left == 0
}

// prepare reads what a statement's preparation says first ("COM_STMT_PREPARE_OK").
func (d *dialogue[Q]) prepare(head []byte, r *result) (ok bool) {
	p := payload{b: head}
	p.take(1 + 4) // header, id
	d.prepared, d.left = uint64(p.uint16()), uint64(p.uint16())
	d.step = stepParams
	if d.left == 0 {
		d.preparedColumns(r)
	}
	return !p.bad
}

// eof goes on behind an EOF packet.
func (d *dialogue[Q]) eof(r *result) {
	switch d.step {
	case stepColumnsEnd:
		d.step = stepRows
		if r.status&statusCursor != 0 { // the rows are fetched by and by
			d.resultEnds(r)
		}
	case stepParamsEnd:
		d.preparedColumns(r)
	case stepPreparedEnd:
		r.done = true
	default:
		d.resultEnds(r)
	}
}
