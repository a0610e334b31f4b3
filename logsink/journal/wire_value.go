package journal

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// plain is a text that is written as it is: a part of the line.
func (s *scanner) plain() string {
	s.want('"')
	text := s.unescaped()
	s.want('"')
	return text
}

// unescaped is what comes that stands for itself in a text.
func (s *scanner) unescaped() string {
	begin := s.at
	for s.at < len(s.line) && plainByte(s.line[s.at]) {
		s.at++
	}
	return s.line[begin:s.at]
}

// word is a text that is not kept, and may be a part of the line.
func (s *scanner) word() string {
	begin := s.at
	s.want('"')
	text := s.unescaped()
	if s.bad || s.took('"') {
		return text
	}
	return s.escaped(begin)
}

// text is a text that is kept. It is a copy, since a part of the line would keep all of it.
func (s *scanner) text() string { return strings.Clone(s.word()) }

// escaped is the text whose quote is at begin, and that is plain only up to s.at.
func (s *scanner) escaped(begin int) (text string) {
	for s.at < len(s.line) && s.line[s.at] != '"' {
		if s.line[s.at] == '\\' {
			s.at++
		}
		s.at++
	}
	s.at = min(s.at+1, len(s.line))
	if json.Unmarshal([]byte(s.line[begin:s.at]), &text) != nil {
		s.fail()
	}
	return text
}

func (s *scanner) raw() []byte {
	raw, err := base64.StdEncoding.DecodeString(s.word())
	s.bad = s.bad || err != nil
	return raw
}

func (s *scanner) time() (t time.Time) {
	err := t.UnmarshalText([]byte(s.plain()))
	s.bad = s.bad || err != nil
	return t
}

func (s *scanner) flag() bool {
	for _, word := range [...]string{"true", "false"} {
		if strings.HasPrefix(s.line[s.at:], word) {
			s.at += len(word)
			return word == "true"
		}
	}
	s.fail()
	return false
}

// digits are those of a number, without its sign.
func (s *scanner) digits() string {
	begin := s.at
	for s.at < len(s.line) && s.line[s.at] >= '0' && s.line[s.at] <= '9' {
		s.at++
	}
	if n := s.at - begin; n == 0 || n > 1 && s.line[begin] == '0' {
		s.fail()
	}
	return s.line[begin:s.at]
}

// number is one that T has.
func number[T uint8 | uint16 | uint32 | uint64](s *scanner) T {
	n, err := strconv.ParseUint(s.digits(), 10, 64)
	s.bad = s.bad || err != nil || uint64(T(n)) != n
	return T(n)
}

// signed is a number that T has and that may be below 0.
func signed[T int | int64](s *scanner) T {
	begin := s.at
	s.took('-')
	s.digits()
	n, err := strconv.ParseInt(s.line[begin:s.at], 10, 64)
	s.bad = s.bad || err != nil || int64(T(n)) != n
	return T(n)
}

// words is a list of words.
func (s *scanner) words() []string {
	list := []string{}
	for more := s.list(false); more; more = s.item() {
		list = append(list, s.word())
	}
	return list
}

// texts is a list of texts.
func (s *scanner) texts() []string {
	list := s.words()
	for i := range list {
		list[i] = strings.Clone(list[i])
	}
	return list
}

func (s *scanner) raws() [][]byte {
	list := [][]byte{}
	for more := s.list(false); more; more = s.item() {
		list = append(list, s.raw())
	}
	return list
}

// labels is an object of texts, as it stands.
func (s *scanner) labels() json.RawMessage {
	begin := s.at
	for more := s.object(); more; more = s.next() {
		s.word()
	}
	return json.RawMessage(s.line[begin:s.at])
}
