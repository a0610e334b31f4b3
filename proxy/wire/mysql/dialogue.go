package mysql

import (
	"errors"
	"fmt"
)

// phase is how far a connection is.
type phase uint8

const (
	phaseGreeting  phase = iota // the server speaks first
	phaseLogin                  // the client answers
	phaseCommands               // commands and their answers, the login's among them
	phaseEncrypted              // TLS
	phaseReplica                // the server sends its binary log, without an end
)

// step is what of the answer to the oldest command comes next.
type step uint8

const (
	stepFirst       step = iota // its first packet, or that of its next result
	stepFile                    // the server waits for a file of the client's
	stepColumns                 // columns of a result
	stepColumnsEnd              // EOF behind them
	stepRows                    // rows, up to EOF
	stepParams                  // parameters of a prepared statement
	stepParamsEnd               // EOF behind them
	stepPrepared                // columns of a prepared statement
	stepPreparedEnd             // EOF behind them
)

// kind is what a packet is.
type kind uint8

const (
	kindGreeting kind = iota
	kindLogin         // or a request for TLS
	kindAuth          // what a client goes on with while it logs in
	kindCommand
	kindFile // of the client's, for LOAD DATA LOCAL

	kindSwitch // to another way of logging in
	kindMore   // what the server goes on with
	kindOK
	kindERR
	kindEOF
	kindInfile // the name of the file that the server wants
	kindCount  // of a result's columns
	kindColumn
	kindRow
	kindPrepared
	kindText // of COM_STATISTICS, or a part of the binary log
)

// askedMax is how many commands may wait for their answers. Clients that send several at once send a few.
const askedMax = 1024

// dialogue follows both directions of a connection. Q is what its user remembers of a command.
type dialogue[Q any] struct {
	phase   phase
	greeted greeting
	login   login
	caps    uint64 // those that both have
	asked   []question[Q]

	step     step
	left     uint64 // columns or parameters that have to come
	columns  uint64 // of the last result
	prepared uint64 // columns of a prepared statement that come behind its parameters
	binary   bool   // the rows are those of a prepared statement
}

type question[Q any] struct {
	command byte
	data    Q
}

// front is the oldest command without an answer, or nil.
func (d *dialogue[Q]) front() *question[Q] {
	if len(d.asked) == 0 {
		return nil
	}
	return &d.asked[0]
}

// clientSays says what a client's packet is.
func (d *dialogue[Q]) clientSays(f frame) (kind, error) {
	switch d.phase {
	case phaseGreeting:
		return 0, errors.New("the client speaks before the server has greeted it")
	case phaseLogin:
		return kindLogin, nil
	case phaseReplica:
		return kindText, nil
	}
	if d.step == stepFile {
		return kindFile, nil
	}
	if f.sequence == 0 {
		return kindCommand, nil
	}
	if n := len(d.asked); n > 0 && logsIn(d.asked[n-1].command) {
		return kindAuth, nil
	}
	return 0, fmt.Errorf("a packet of the client has the sequence number %d where a command begins with 0", f.sequence)
}

func logsIn(command byte) bool { return command == comLogin || command == comChangeUser }

// ask notes a command. queued says that it will be answered.
func (d *dialogue[Q]) ask(command byte, data Q) (queued bool, err error) {
	switch command {
	case comQuit, comStmtClose, comStmtSendLongData:
		return false, nil
	case comBinlogDump, comBinlogDumpGTID, comTableDump:
		d.phase = phaseReplica
		return false, nil
	}
	if len(d.asked) == askedMax {
		return false, fmt.Errorf("more than %d commands wait for their answers", askedMax)
	}
	d.asked = append(d.asked, question[Q]{command, data})
	return true, nil
}

// answered takes the oldest command away.
func (d *dialogue[Q]) answered() {
	n := copy(d.asked, d.asked[1:])
	clear(d.asked[n:])
	d.asked = d.asked[:n]
	d.step = stepFirst
}

// greet reads the server's first packet.
func (d *dialogue[Q]) greet(head []byte) error {
	g, ok := readGreeting(head)
	switch {
	case !ok:
		return errors.New("the server's greeting ends too early")
	case g.capabilities&capProtocol41 == 0:
		return errors.New("the server speaks a protocol from before MySQL 4.1")
	}
	d.greeted, d.phase = g, phaseLogin
	return nil
}

// logIn reads the client's first packet. encrypted says that TLS begins behind it instead.
func (d *dialogue[Q]) logIn(head []byte, size uint64) (encrypted bool, err error) {
	p := payload{b: head}
	if size == sslRequestLength && p.uint32()&capSSL != 0 {
		d.phase = phaseEncrypted
		return true, nil
	}
	l, ok := readLogin(head, d.greeted.capabilities&capMySQL == 0)
	if !ok {
		return false, errors.New("the client's login ends too early, or is of a protocol from before MySQL 4.1")
	}
	d.login, d.phase = l, phaseCommands
	d.caps = l.capabilities & d.greeted.capabilities
	return false, nil
}

// open says, after a login, why nothing more can be read.
func (d *dialogue[Q]) open() error {
	switch {
	case d.caps&(capCompress|capZstd) != 0:
		return errors.New("client and server agreed to compress what they say, and compressed streams are not read; let the " +
			"client do without")
	case d.caps&capOptionalMetadata != 0:
		return errors.New("client and server agreed to leave out what describes a result's columns " +
			"(CLIENT_OPTIONAL_RESULTSET_METADATA), and such results are not read")
	}
	return nil
}
