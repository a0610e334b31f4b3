package mysql

import (
	"encoding/binary"
	"time"
)

// clientCopy overwrites what the client sends.
type clientCopy Redactor

// commandHead is as much of a command as says what it is about: its first byte and the id of a statement.
const commandHead = 5

func (c *clientCopy) over() bool { return c.talk.phase == phaseEncrypted }

func (c *clientCopy) pass([]byte) int { return 0 }

func (c *clientCopy) begin(f frame, _ time.Time) (k kind, want int, err error) {
	r := (*Redactor)(c)
	if k, err = r.talk.clientSays(f); err != nil {
		return k, 0, err
	}
	switch k {
	case kindLogin:
		want = textMax
	case kindCommand:
		want = commandHead
		if f.first == comChangeUser {
			want = textMax
		}
	}
	r.words, r.loginCaps = words{}, 0
	r.said.begin(r.clientRecipe(k, f.first))
	return k, want, nil
}

// clientRecipe is what is in a packet of the client's.
func (r *Redactor) clientRecipe(k kind, first byte) recipe {
	switch {
	case k == kindFile && r.what.Parameters, k == kindText && (r.what.Authentication || r.what.Rows):
		return recipeAll
	case k == kindLogin && r.what.Authentication:
		return recipeLogin
	case k == kindAuth && r.what.Authentication:
		return recipeAll
	case k != kindCommand || !r.what.Authentication && !r.what.Parameters:
		return recipeKeep
	}
	switch first {
	case comQuery:
		return recipeQuery
	case comStmtPrepare:
		return recipePrepare
	case comStmtExecute:
		return recipeExecute
	case comStmtBulkExecute:
		return recipeBulk
	case comStmtSendLongData:
		return recipeLong
	case comChangeUser:
		if r.what.Authentication {
			return recipeChange
		}
	}
	return recipeKeep
}

func (c *clientCopy) piece(_ kind, b []byte) {
	r := (*Redactor)(c)
	if r.said.recipe != recipeKeep {
		r.run(&r.said, b)
	}
}

func (c *clientCopy) end(p *packets, _ time.Time) error {
	r := (*Redactor)(c)
	switch p.kind {
	case kindLogin:
		return r.loggedIn(p)
	case kindFile:
		if p.size == 0 {
			r.talk.step = stepFirst
		}
		return nil
	case kindCommand:
		return r.commanded(p)
	}
	return nil
}

func (r *Redactor) loggedIn(p *packets) error {
	if p.gap {
		return errLost
	}
	encrypted, err := r.talk.logIn(p.head, p.size)
	if err == nil && !encrypted {
		_, err = r.talk.ask(comLogin, redacted{})
	}
	return err
}

// commanded notes a command that is whole.
func (r *Redactor) commanded(p *packets) error {
	if len(p.head) == 0 || p.gap {
		if p.gap {
			return errLost
		}
		p.head = []byte{0}
	}
	command, q := p.head[0], redacted{}
	if len(p.head) >= commandHead {
		q.id = binary.LittleEndian.Uint32(p.head[1:])
	}
	switch command {
	case comQuery, comStmtPrepare:
		r.masker.End()
		q.secret = r.masker.Secret() || r.words.found
	case comStmtExecute, comStmtBulkExecute:
		q.secret = r.aboutPasswords(q.id)
		r.executed(q.id)
	}
	switch command {
	case comStmtPrepare:
		r.last = q.secret
	case comStmtClose:
		delete(r.statements, q.id)
	case comStmtReset:
		if s := r.statements[q.id]; s != nil {
			s.long = false
		}
	case comStmtSendLongData:
		if s := r.statements[q.id]; s != nil {
			s.long = true
		}
	case comChangeUser, comResetConnection:
		clear(r.statements)
		if command == comChangeUser {
			r.multibyte = readChange(p.head[1:], r.talk.caps).multibyte
		}
	}
	_, err := r.talk.ask(command, q)
	return err
}

// aboutPasswords says whether the values of a prepared statement may be passwords.
func (r *Redactor) aboutPasswords(id uint32) bool {
	switch s := r.statements[id]; {
	case !r.what.Authentication:
		return false
	case s != nil:
		return s.secret
	case id == lastPrepared:
		return r.last
	}
	return true
}

// executed notes which types a statement was executed with.
func (r *Redactor) executed(id uint32) {
	s, v := r.statements[id], &r.said.values
	if s == nil {
		return
	}
	if s.long || !v.pairs || v.n == 0 || !v.typed() {
		s.types = nil // they may have been sent, where it was not read
	} else {
		s.types = append(s.types[:0], v.types...)
	}
	s.long = false
}

// queryField is of a statement: command, its attributes if both sides know of them, text.
func (r *Redactor) queryField(s *script) field {
	v := &s.values
	switch {
	case s.step == 0:
		return field{n: 1}
	case r.talk.caps&capQueryAttributes == 0 || v.stage == stageEnd:
		return field{n: theRest, mask: maskStatement}
	case s.step < 3:
		if s.step == 2 {
			v.n, v.named = int(min(s.number, valuesMax+1)), true
		}
		return field{n: 1, take: takeLenenc}
	case v.n == 0:
		v.stage = stageEnd
		return r.queryField(s)
	case v.n > valuesMax:
		return field{n: theRest, mask: maskAll}
	}
	return r.parameters(s, nil)
}

// executeField is of an execution: command, statement, flags, 1; and values.
func (r *Redactor) executeField(s *script) field {
	const hasCount = 0x08 // PARAMETER_COUNT_AVAILABLE
	v := &s.values
	switch s.step {
	case 2:
		r.statement = uint32(s.number)
	case 3:
		v.named = r.talk.caps&capQueryAttributes != 0
		r.counted = v.named && s.number&hasCount != 0
	}
	if s.step < 4 {
		return fieldOf(s.step, field{n: 1}, field{n: 4, take: takeNumber}, field{n: 1, take: takeNumber}, field{n: 4})
	}
	of := r.statements[r.statement]
	switch {
	case !r.what.Parameters && !r.aboutPasswords(r.statement):
		return field{n: theRest}
	case of == nil || of.long || v.stage == stageEnd:
		return field{n: theRest, mask: maskAll}
	case s.step == 4 && r.counted:
		return field{n: 1, take: takeLenenc}
	case s.step == 5 && r.counted:
		v.n = int(min(s.number, valuesMax+1))
	case s.step == 4:
		v.n = of.parameters
	}
	if v.n == 0 || v.n > valuesMax {
		return field{n: theRest, mask: maskAll}
	}
	return r.parameters(s, of.types)
}

// bulkField is of an execution for many values: command, statement, flags, types if the flags say so; and values.
func (r *Redactor) bulkField(s *script) field {
	const sendsTypes = 128
	v := &s.values
	if s.step < 3 {
		if s.step == 2 {
			r.statement = uint32(s.number)
		}
		return fieldOf(s.step, field{n: 1}, field{n: 4, take: takeNumber}, field{n: 2, take: takeNumber})
	}
	of := r.statements[r.statement]
	switch {
	case !r.what.Parameters && !r.aboutPasswords(r.statement):
		return field{n: theRest}
	case of == nil || of.parameters == 0 || of.parameters > valuesMax:
		return field{n: theRest, mask: maskAll}
	case s.step == 3:
		v.n, v.pairs, v.bulk, v.stage = of.parameters, true, true, stageValue
		if s.number&sendsTypes != 0 {
			return field{n: uint64(2 * v.n), take: takeTypes}
		}
		v.types = append(v.types[:0], of.types...)
	}
	return r.value(s, func(int) mask { return maskAll })
}

// longField is of a value that is sent ahead: command, statement, parameter, value.
func (r *Redactor) longField(s *script) field {
	if s.step == 3 && (r.what.Parameters || r.aboutPasswords(r.statement)) {
		return field{n: theRest, mask: maskAll}
	}
	if s.step == 2 {
		r.statement = uint32(s.number)
	}
	return fieldOf(s.step, field{n: 1}, field{n: 4, take: takeNumber}, field{n: 2})
}
