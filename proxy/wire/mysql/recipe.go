package mysql

// recipe is what a packet is made of.
type recipe uint8

const (
	recipeKeep   recipe = iota // nothing in it is secret
	recipeAll                  // everything is
	recipeBehind               // everything but the first byte
	recipeGreeting
	recipeLogin
	recipeChange
	recipeSwitch
	recipeERR
	recipeQuery
	recipePrepare
	recipeExecute
	recipeBulk
	recipeLong
	recipeColumn
	recipeTextRow
	recipeBinaryRow
)

// next is the field that comes next. The last one of a packet goes on up to its end.
func (r *Redactor) next(s *script) field {
	switch s.recipe {
	case recipeAll:
		return field{n: theRest, mask: maskAll}
	case recipeBehind:
		return fieldOf(s.step, field{n: 1}, field{n: theRest, mask: maskAll})
	case recipeGreeting:
		return r.greetingField(s)
	case recipeLogin:
		return r.loginField(s)
	case recipeChange:
		return r.changeField(s)
	case recipeSwitch: // header, the name of a plugin, its salt
		return fieldOf(s.step, field{n: 1}, field{nul: true}, field{n: theRest, mask: maskNonzero})
	case recipeERR:
		return r.errField(s)
	case recipeQuery:
		return r.queryField(s)
	case recipePrepare:
		return fieldOf(s.step, field{n: 1}, field{n: theRest, mask: maskStatement})
	case recipeExecute:
		return r.executeField(s)
	case recipeBulk:
		return r.bulkField(s)
	case recipeLong:
		return r.longField(s)
	case recipeColumn:
		return r.columnField(s)
	case recipeTextRow: // a length, a value, a length, ...
		if s.step%2 == 0 {
			return field{n: 1, take: takeLenenc}
		}
		return field{n: s.number, mask: r.rowMask(s.step / 2)}
	case recipeBinaryRow:
		return r.binaryField(s)
	}
	return field{n: theRest}
}

// fieldOf is one of some fields; behind the last of them the packet's rest stays as it is.
func fieldOf(step int, fields ...field) field {
	if step < len(fields) {
		return fields[step]
	}
	return field{n: theRest}
}

// greetingField is of the server's first packet: protocol, version, connection, salt, filler and capabilities and
// character set and status and capabilities, length of the salt, filler, the rest of the salt.
func (r *Redactor) greetingField(s *script) field {
	if s.step == 7 {
		return field{n: uint64(max(13, int(s.number)-8)), mask: maskNonzero}
	}
	return fieldOf(s.step, field{n: 1}, field{nul: true}, field{n: 4}, field{n: 8, mask: maskNonzero},
		field{n: 1 + 2 + 1 + 2 + 2}, field{n: 1, take: takeNumber}, field{n: 10})
}

// loginField is of the client's first packet: capabilities, largest packet, character set, filler, user, length of the
// secret, secret.
func (r *Redactor) loginField(s *script) field {
	switch s.step {
	case 1:
		r.loginCaps = s.number
	case 3:
		r.multibyte = hidesBackslash(byte(s.number))
	case 5:
		return secretLength(r.loginCaps)
	case 6:
		return r.secretField(s)
	}
	return fieldOf(s.step, field{n: 4, take: takeNumber}, field{n: 4}, field{n: 1, take: takeNumber}, field{n: 23},
		field{nul: true})
}

// changeField is of a change of the user: command, user, length of the secret, secret.
func (r *Redactor) changeField(s *script) field {
	switch s.step {
	case 2:
		return secretLength(r.talk.caps &^ capAuthLenenc)
	case 3:
		return r.secretField(s)
	}
	return fieldOf(s.step, field{n: 1}, field{nul: true})
}

// secretLength is what says how long the secret of a login is; without a length it is the secret.
func secretLength(capabilities uint64) field {
	switch {
	case capabilities&capAuthLenenc != 0:
		return field{n: 1, take: takeLenenc}
	case capabilities&capSecureConnection != 0:
		return field{n: 1, take: takeNumber}
	}
	return field{nul: true, mask: maskNonzero}
}

func (r *Redactor) secretField(s *script) field {
	if s.field.take == takeNothing { // it has been
		return field{}
	}
	return field{n: s.number, mask: maskAll}
}

// errField is of an error: header and number, a mark, SQLSTATE if there was a mark, and words.
func (r *Redactor) errField(s *script) field {
	switch s.step {
	case 2:
		if s.number == '#' {
			return field{n: 5}
		}
		return field{}
	case 3:
		if q := r.talk.front(); r.what.Parameters || q != nil && q.data.secret {
			return field{n: theRest, mask: maskQuoted}
		}
		return field{n: theRest, mask: maskEcho}
	}
	return fieldOf(s.step, field{n: 3}, field{n: 1, take: takeNumber})
}

// columnField is of a column: catalog, database, table as it is called, table, name as it is called, name, more of
// MariaDB's, and length of what follows, character set, width; type.
func (r *Redactor) columnField(s *script) field {
	const name, more, numbers = 9, 12, 14
	switch {
	case s.step == 4:
		r.schema = string(s.text)
	case s.step == name:
		if r.what.Parameters && r.tableless { // it may be the expression itself
			return field{n: s.number, mask: maskAll, take: takeText}
		}
		return field{n: s.number, mask: maskEcho, take: takeText}
	case s.step == name-1:
		r.tableless = s.number == 0
	case s.step == name+1:
		q := r.talk.front()
		r.secret = secretColumn(r.schema, string(s.text)) || r.tableless && q != nil && q.data.secret
	case s.step == more && r.talk.caps&capExtendedMetadata == 0, s.step == more+1 && s.field.take == takeNothing:
		return field{}
	}
	switch {
	case s.step == numbers:
		return field{n: 1 + 2 + 4}
	case s.step == numbers+1:
		return field{n: 1, take: takeNumber}
	case s.step == numbers+2:
		r.addColumn(byte(s.number))
		return field{n: theRest}
	case s.step%2 == 0:
		return field{n: 1, take: takeLenenc}
	}
	return field{n: s.number, take: takeText}
}
