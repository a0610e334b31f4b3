package mysql

// words looks for the words of statements whose parameters are passwords. They may be part of a longer one.
type words struct {
	tail  [16]byte // the last letters, in lower case
	found bool
}

func (w *words) read(b []byte) {
	for _, c := range b {
		copy(w.tail[:], w.tail[1:])
		w.tail[len(w.tail)-1] = c | 0x20
		switch c | 0x20 {
		case 'w', 'd', 'n':
			w.found = w.found || w.ends("passw") || w.ends("identified") || w.ends("authentication")
		}
	}
}

func (w *words) ends(word string) bool { return string(w.tail[len(w.tail)-len(word):]) == word }
