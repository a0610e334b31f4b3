package mysql

// result is what a server's packet says about a command.
type result struct {
	// done says that the command has its answer.
	done bool
	// status are the server's flags; told says that they are there.
	status uint16
	told   bool
	// affected are the rows that were changed.
	affected uint64
	// schema is the database from now on; empty when it stayed.
	schema string
	// failed says that the server objects: by a number, and in words.
	failed  bool
	code    uint16
	message []byte
}

// readOK reads an OK packet, or one that stands for EOF ("OK_Packet").
func readOK(head []byte, capabilities uint64) (r result, ok bool) {
	p := payload{b: head}
	p.take(1)
	r.affected = p.lenenc()
	p.lenenc() // last insert id
	r.status, r.told = p.uint16(), true
	ok = !p.bad
	p.uint16() // warnings
	if capabilities&capSessionTrack != 0 && r.status&statusSessionStateChanged != 0 {
		p.text() // in words
		r.schema = readSchema(payload{b: p.text()})
	}
	return r, ok
}

// trackSchema is the kind of a change of the session's state that tells the database ("SESSION_TRACK_SCHEMA").
const trackSchema = 1

func readSchema(changes payload) (schema string) {
	for len(changes.b) > 0 {
		what, data := changes.uint8(), payload{b: changes.text()}
		if what == trackSchema {
			schema = string(data.text())
		}
	}
	return schema
}

// eofLength is that of an EOF packet; one that was deprecated and is an OK packet is longer.
const eofLength = 5

// readEOF reads an EOF packet ("EOF_Packet"), or an OK packet in its place.
func readEOF(head []byte, capabilities uint64) (r result, ok bool) {
	if len(head) > eofLength {
		return readOK(head, capabilities)
	}
	p := payload{b: head}
	p.take(1 + 2) // header, warnings
	r.status, r.told = p.uint16(), true
	return r, !p.bad
}

// readERR reads an ERR packet ("ERR_Packet"). Before the login it may have no SQLSTATE.
func readERR(head []byte) (r result, ok bool) {
	p := payload{b: head}
	p.take(1)
	r.failed, r.code = true, p.uint16()
	if len(p.b) > 0 && p.b[0] == '#' {
		p.take(1 + 5)
	}
	r.message = p.b
	return r, !p.bad
}
