package redis

// monitorLine reads a line of MONITOR: 1700000000.123456 [0 127.0.0.1:50000] "SET" "key" "value". What is in double
// quotes is a command and its arguments.
type monitorLine struct {
	words   words
	command bool // the first quote was seen
	cover   cover
	word    []byte // the beginning of the argument
}

func (m *monitorLine) restart(j *judge) {
	*m = monitorLine{word: m.word[:0]}
	j.restart()
}

// mask overwrites the secrets in the next bytes, or all arguments.
func (m *monitorLine) mask(j *judge, all bool, b []byte) {
	for i := range b {
		e := m.words.next(b[i])
		if e.begins {
			m.command = m.command || b[i] == '"'
			m.word = m.word[:0]
			m.cover = cover{size: -1}
			if m.command {
				if m.cover.class = j.class(-1); all && j.args > 0 {
					m.cover.class = hidden
				}
			}
		}
		if room := nameMax*2 - len(m.word); room > 0 {
			d := m.words.decoded()
			m.word = append(m.word, d[:min(room, len(d))]...)
		}
		if e.inside {
			m.cover.mask(b[i : i+1])
		}
		if e.ends && m.command {
			j.took(m.word)
		}
	}
}
