package history

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// dictionary.jsonl are lines as journals have them. A file of the store has a copy of those that it was made with, so
// that these may change.
//
//go:embed dictionary.jsonl
var dictionary string

func dictionaryText() []byte { return []byte(dictionary) }

var errDictionary = errors.New("its dictionary is damaged")

const (
	// longest is more than any line has (docs/record-format.md), so that what is damaged does not take memory.
	longest = 2 << 20
	// arena is how much is packed into one piece of memory.
	arena = 128 << 10
)

// packer makes lines short. They are much alike, so it looks for their parts in a dictionary: a line becomes a fifth of
// itself in a microsecond.
type packer struct {
	dict *s2.Dict
	room []byte
}

func newPacker(dictionary []byte) (packer, error) {
	dict := s2.MakeDict(dictionary, []byte(`{"seq":`))
	if dict == nil {
		return packer{}, errDictionary
	}
	return packer{dict: dict}, nil
}

// reset makes what pack returned invalid.
func (p *packer) reset() { p.room = p.room[:0] }

// pack returns what stands for a line, valid until the next reset.
func (p *packer) pack(line []byte) []byte {
	need := s2.MaxEncodedLen(len(line))
	if cap(p.room)-len(p.room) < need {
		p.room = make([]byte, 0, max(arena, need))
	}
	at := len(p.room)
	packed := p.dict.Encode(p.room[at:at+need], line)
	p.room = p.room[:at+len(packed)]
	return packed[:len(packed):len(packed)]
}

func (p *packer) unpack(packed []byte) ([]byte, error) {
	n, err := s2.DecodedLen(packed)
	if err == nil && n > longest {
		err = fmt.Errorf("%d bytes are more than a line has", n)
	}
	if err != nil {
		return nil, fmt.Errorf("unpack a line: %w", err)
	}
	line, err := p.dict.Decode(make([]byte, n), packed)
	if err != nil {
		return nil, fmt.Errorf("unpack a line: %w", err)
	}
	return line, nil
}
