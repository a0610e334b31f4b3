package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

var errMalformed = errors.New("malformed")

// stat is what is needed of /proc/PID/stat (proc_pid_stat(5)).
type stat struct {
	// comm is the name of the main thread, at most 15 bytes (TASK_COMM_LEN).
	comm string
	// ppid is the parent, session the session's number, tty the number of its terminal.
	ppid, session, tty int
	// start is the time from the system's start to the process's, in ticks.
	start uint64
	// stack is where the program's stack begins, another place with each execve(2); 0 when it may not be read.
	stack uint64
}

// ticks is USER_HZ, the unit of stat's times: 100 a second on every architecture that Go runs on.
const ticks = 100

// statMax is how many bytes of /proc/PID/stat are read; it has some 50 numbers.
const statMax = 4096

func (d *Dir) stat() (stat, error) {
	b, err := d.d.read("stat", statMax)
	if err != nil {
		return stat{}, fmt.Errorf("process %d: %w", d.pid, err)
	}
	st, err := parseStat(b)
	if err != nil {
		return stat{}, fmt.Errorf("process %d: %w", d.pid, err)
	}
	return st, nil
}

// parseStat reads the line. The name stands in parentheses and may hold any byte, a parenthesis too.
func parseStat(b []byte) (st stat, err error) {
	open, closing := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || closing < open {
		return stat{}, fmt.Errorf("stat: %w", errMalformed)
	}
	const third, ppid, session, tty, start, stack = 3, 4, 6, 7, 22, 28 // fields, counted from 1; the third follows the name
	fields := bytes.Fields(b[closing+1:])
	if len(fields) <= stack-third {
		return stat{}, fmt.Errorf("stat: %w", errMalformed)
	}
	number := func(n int) int {
		v, errParse := strconv.ParseInt(string(fields[n-third]), 10, 64)
		err = errors.Join(err, errParse)
		return int(v)
	}
	st = stat{
		comm: string(b[open+1 : closing]),
		ppid: number(ppid), session: number(session), tty: number(tty),
		start: uint64(number(start)), stack: uint64(number(stack)),
	}
	if err != nil {
		return stat{}, fmt.Errorf("stat: %w: %w", errMalformed, err)
	}
	return st, nil
}

// terminal is the name of the terminal with a device number, as below /dev; empty for none. The numbers are those of
// Linux's devices.txt; of other devices it is MAJOR:MINOR.
func terminal(number int) string {
	n := uint32(number)
	major, minor := int(n>>8&0xfff), int(n&0xff|n>>12&0xfff00)
	switch {
	case n == 0:
		return ""
	case major >= 136 && major <= 143:
		return "pts/" + strconv.Itoa((major-136)<<8+minor)
	case major == 4 && minor < 64:
		return "tty" + strconv.Itoa(minor)
	case major == 4:
		return "ttyS" + strconv.Itoa(minor-64)
	case major == 5 && minor == 1:
		return "console"
	case major == 188:
		return "ttyUSB" + strconv.Itoa(minor)
	case major == 229:
		return "hvc" + strconv.Itoa(minor)
	default:
		return fmt.Sprintf("%d:%d", major, minor)
	}
}
