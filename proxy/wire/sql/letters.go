package sql

// letters are those of the word that is being read, in upper case: all of a short one, the last of a long one.
type letters struct {
	buf  [32]byte
	n    int
	long bool
}

func (w *letters) reset() { w.n, w.long = 0, false }

// add takes a byte, and forgets the word when it is none of a word.
func (w *letters) add(c byte) {
	if !isLetter(c) && !isDigit(c) {
		w.reset()
		return
	}
	if w.n == len(w.buf) {
		w.n = copy(w.buf[:], w.buf[len(w.buf)/2:])
		w.long = true
	}
	w.buf[w.n] = upper(c)
	w.n++
}

// whole is the word, nothing when it is too long to be a keyword.
func (w *letters) whole() []byte {
	if w.long {
		return nil
	}
	return w.buf[:w.n]
}

func (w *letters) ends(with string) bool {
	return w.n >= len(with) && string(w.buf[w.n-len(with):w.n]) == with
}

// secret says whether the bytes so far end with a word for what logs somebody in. A word has it anywhere when it has it
// at the end of one of its beginnings.
func (w *letters) secret() bool {
	if w.n < 3 {
		return false
	}
	switch w.buf[w.n-1] {
	case 'D':
		return w.ends("PASSWORD") || w.ends("PASSWD") || w.ends("IDENTIFIED") || w.ends("PWD")
	case 'E':
		return w.ends("PASSPHRASE")
	case 'L':
		return w.ends("CREDENTIAL")
	case 'T':
		return w.ends("SECRET")
	}
	return false
}

// caller is secret for what stands outside of strings: there a function or a clause, too, says that a secret follows.
func (w *letters) caller() bool {
	if w.n < 5 {
		return false
	}
	switch w.buf[w.n-1] {
	case 'T':
		return w.ends("CRYPT")
	case 'K':
		return w.ends("DBLINK")
	case 'G':
		return w.ends("SET_CONFIG") || w.ends("AUTHENTICATION_STRING")
	case 'H':
		return w.ends("SST_AUTH")
	case 'N':
		return w.ends("CONNECTION")
	case 'O':
		return w.ends("CONNINFO")
	}
	return false
}

func upper(c byte) byte {
	if c-'a' < 26 {
		return c - 0x20
	}
	return c
}
