package mysql

// values are those of the binary protocol, in a row or beside a statement: first which of them are NULL, then of which
// types they are, then they themselves. A row says its types elsewhere.
type values struct {
	stage stage
	n     int // how many there are
	nulls []byte
	types []byte
	pairs bool // types has two bytes for each value, the type and its flags
	first int  // the bit of the first value in nulls
	named bool // each type has a name behind it
	bulk  bool // values come again and again, each with an indicator before it
	i     int
}

type stage uint8

const (
	stageNulls stage = iota
	stageBound
	stageTypes
	stageNamed
	stageName
	stageNameText
	stageValue
	stageIndicated
	stageLength
	stageEnd
)

// valuesMax is how many values are told apart. The server allows 4096 columns and 65535 parameters; more than this are
// overwritten as one.
const valuesMax = 4096

// typeOf is the type of a value.
func (v *values) typeOf(i int) byte {
	if v.pairs {
		i *= 2
	}
	if i < len(v.types) {
		return v.types[i]
	}
	return 0
}

func (v *values) null(i int) bool {
	i += v.first
	return i/8 < len(v.nulls) && v.nulls[i/8]>>(i%8)&1 != 0
}

// typed says whether the type of each value is known.
func (v *values) typed() bool {
	if v.pairs {
		return len(v.types) == 2*v.n
	}
	return len(v.types) == v.n
}

// parameters is the next field of values that come with their types. When their types were sent with an earlier
// execution they are remembered's.
func (r *Redactor) parameters(s *script, remembered []byte) field {
	v := &s.values
	switch v.stage {
	case stageNulls:
		v.stage = stageBound
		return field{n: uint64(v.n+7) / 8, take: takeNulls}
	case stageBound:
		v.stage = stageTypes
		return field{n: 1, take: takeNumber}
	case stageTypes:
		switch {
		case s.number == 0:
			v.types, v.pairs = append(v.types[:0], remembered...), true
		case v.named:
			v.stage = stageNamed
			return r.parameters(s, nil)
		default:
			v.stage, v.pairs = stageValue, true
			return field{n: uint64(2 * v.n), take: takeTypes}
		}
		v.stage = stageValue
	case stageNamed:
		v.pairs = true
		if len(v.types) < 2*v.n {
			v.stage = stageName
			return field{n: 2, take: takeTypes}
		}
		v.stage = stageValue
	case stageName:
		v.stage = stageNameText
		return field{n: 1, take: takeLenenc}
	case stageNameText:
		v.stage = stageNamed
		return field{n: s.number}
	}
	return r.value(s, func(int) mask { return maskAll })
}

// value is the next field of values whose types are known; behind the last of them it is an empty one.
func (r *Redactor) value(s *script, cover func(i int) mask) field {
	v := &s.values
	if !v.typed() {
		return field{n: theRest, mask: maskAll}
	}
	switch v.stage {
	case stageLength:
		v.stage = stageValue
		v.i++
		return field{n: s.number, mask: cover(v.i - 1)}
	case stageIndicated:
		v.stage = stageValue
		if s.number != 0 {
			v.i++
			return field{}
		}
		return r.oneValue(s, cover)
	}
	for v.i < v.n && v.null(v.i) {
		v.i++
	}
	switch {
	case v.bulk && v.n > 0:
		v.i %= v.n
		v.stage = stageIndicated
		return field{n: 1, take: takeNumber}
	case v.i >= v.n:
		v.stage = stageEnd
		return field{}
	}
	return r.oneValue(s, cover)
}

func (r *Redactor) oneValue(s *script, cover func(i int) mask) field {
	v := &s.values
	size, p := valueSize(v.typeOf(v.i))
	switch p {
	case prefixByte:
		v.stage = stageLength
		return field{n: 1, take: takeNumber}
	case prefixLenenc:
		v.stage = stageLength
		return field{n: 1, take: takeLenenc}
	}
	v.i++
	return field{n: uint64(size), mask: cover(v.i - 1)}
}
