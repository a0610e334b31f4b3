package postgres

// formats reads how values are written: text or binary.
func (w *walker) formats(b []byte) int {
	if w.phase == 0 {
		n, whole := w.read(b, 2)
		if whole {
			w.phase, w.count = 1, 2*w.number
			w.nextIfNone()
		}
		return n
	}
	n := min(uint64(len(b)), uint64(w.count))
	w.count -= uint32(n)
	w.nextIfNone()
	return int(n)
}

func (w *walker) nextIfNone() {
	if w.count == 0 {
		w.next()
	}
}

// values reads, in the phases: 0 how many values, 1 the length of one, 2 the value.
func (w *walker) values(b []byte) int {
	if w.phase == 0 && w.program[0] == partValue {
		w.phase, w.items = 1, 1
	}
	switch w.phase {
	case 0:
		n, whole := w.read(b, 2)
		if whole {
			w.phase, w.items = 1, w.number
			w.nextValue()
		}
		return n
	case 1:
		n, whole := w.read(b, 4)
		if whole {
			w.valueLength(w.left - uint64(n))
		}
		return n
	}
	n := min(uint64(len(b)), uint64(w.count))
	w.texts.value(b[:n])
	if w.count -= uint32(n); w.count == 0 {
		w.items--
		w.nextValue()
	}
	return int(n)
}

// valueLength begins a value of as many bytes as the number says, unless the message has fewer.
func (w *walker) valueLength(left uint64) {
	const null = 1<<32 - 1
	switch {
	case w.number == null || w.number == 0:
		w.items--
		w.nextValue()
	case uint64(w.number) > left:
		w.lost()
	default:
		w.phase, w.count = 2, w.number
		w.texts.beginValue()
	}
}

func (w *walker) nextValue() {
	if w.phase = 1; w.items == 0 {
		w.next()
	}
}
