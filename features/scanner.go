package features

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may be nested, the outermost one
// counted.
const maxDepth = 10_000

// scanner reads the fields of one JSON object (RFC 8259, strictly) out of a
// byte slice without copying it. It is reused from object to object, so that
// its scratch memory is allocated once.
//
// The methods report false once something is wrong; class, reason and pos then
// say what and where.
type scanner struct {
	data []byte
	pos  int

	class  string // Empty = nothing is wrong.
	reason string
	name   []byte // The name of the field that field has stopped at, unescaped.

	keys    keySet
	text    []byte   // Unescaped names and entities of this object.
	nesting []uint64 // For skip: one bit a level, set in an object.
}

// fail notes what is wrong at the current position.
func (s *scanner) fail(class, reason string) bool {
	s.class, s.reason = class, reason
	return false
}

// invalid is fail for a byte that JSON does not allow here, or for none.
func (s *scanner) invalid(reason string) bool {
	if s.pos >= len(s.data) {
		s.pos = len(s.data)
		reason = "the text ends in the middle"
	}
	return s.fail(ClassInvalidJSON, reason)
}

// open starts an object. What is not one is refused.
func (s *scanner) open(data []byte) bool {
	s.data, s.pos = data, 0
	s.class, s.reason, s.name = "", "", nil
	s.text = s.text[:0]
	s.keys.reset()
	s.space()
	switch {
	case s.pos == len(s.data):
		return s.fail(ClassEmpty, "there is no value")
	case s.data[s.pos] == '{':
		s.pos++
		return true
	}
	start := s.pos
	if !s.skip(0) || !s.end() {
		return false
	}
	s.pos = start
	if s.data[start] == 'n' {
		return s.fail(ClassEmpty, "the value is null")
	}
	return s.fail(ClassWrongType, "want a JSON object")
}

// field goes on to the next field: it stops at its value and returns the
// name's position in t, or -1 for a name that is not in it. It reports false
// at the end of the object, and when something is wrong.
func (s *scanner) field(t *table) (int, bool) {
	s.name = nil
	s.space()
	first := s.keys.len() == 0
	switch c := s.peek(); {
	case c == '}':
		s.pos++
		s.end()
		return -1, false
	case first:
	case c == ',':
		s.pos++
		s.space()
	default:
		return -1, s.invalid("want , or } after a field")
	}
	start := s.pos
	if s.peek() != '"' {
		return -1, s.invalid("want a field's name in quotes")
	}
	raw, escaped, ok := s.str()
	if !ok {
		return -1, false
	}
	if escaped {
		raw = s.unescape(raw)
	}
	s.name = raw
	hash := t.hash(raw)
	if s.keys.add(hash, raw) {
		s.pos = start
		return -1, s.fail(ClassDuplicateKey, "the field is there twice")
	}
	s.space()
	if s.peek() != ':' {
		return -1, s.invalid("want : after a field's name")
	}
	s.pos++
	s.space()
	return t.find(hash, raw), true
}

// end checks that only white space follows the outermost value.
func (s *scanner) end() bool {
	s.space()
	if s.pos != len(s.data) {
		return s.fail(ClassInvalidJSON, "something follows the end of the value")
	}
	return true
}

// peek is the byte at the position, or 0 at the end: no token starts with 0.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// literal passes over true, false or null.
func (s *scanner) literal(word string) bool {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.invalid("want a JSON value")
	}
	s.pos += len(word)
	return true
}

// Bytes of a word for the eight-at-once scan of a string.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// str reads a string, from its opening quote, and returns what is between
// the quotes and whether that holds escapes.
func (s *scanner) str() (raw []byte, escaped, ok bool) {
	s.pos++
	start := s.pos
	for {
		for len(s.data)-s.pos >= 8 {
			w := binary.LittleEndian.Uint64(s.data[s.pos:])
			// The lowest bit set marks the first byte that is a control
			// character, a quote, a backslash or not ASCII: a borrow can only
			// set bits above it.
			m := (w - ones*' ') | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones) | w
			m &= highs
			if m != 0 {
				s.pos += bits.TrailingZeros64(m) >> 3
				break
			}
			s.pos += 8
		}
		c := s.peek()
		switch {
		case c == '"':
			raw = s.data[start:s.pos]
			s.pos++
			return raw, escaped, true
		case c == '\\':
			escaped = true
			if !s.escape() {
				return nil, false, false
			}
		case c < ' ':
			return nil, false, s.invalid("a control character in a string")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return nil, false, s.fail(ClassInvalidJSON, "bytes that are not UTF-8")
			}
			s.pos += size
		}
	}
}

// escape passes over one escape, from its backslash.
func (s *scanner) escape() bool {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return true
	case 'u':
		high, ok := hex4(s.data[s.pos+1:])
		if !ok {
			return s.invalid("want four hexadecimal digits after \\u")
		}
		s.pos += 5
		if high < 0xd800 || high > 0xdfff {
			return true
		}
		if rest := s.data[s.pos:]; high < 0xdc00 && len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
			if low, ok := hex4(rest[2:]); ok && low >= 0xdc00 && low <= 0xdfff {
				s.pos += 6
				return true
			}
		}
		return s.fail(ClassInvalidJSON, "half of a surrogate pair")
	}
	return s.invalid("an unknown escape")
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unescape appends the text of a string that str has accepted to the
// scratch and returns it. It stays valid until the next open.
func (s *scanner) unescape(raw []byte) []byte {
	start := len(s.text)
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			s.text = append(s.text, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'b':
			s.text = append(s.text, '\b')
		case 'f':
			s.text = append(s.text, '\f')
		case 'n':
			s.text = append(s.text, '\n')
		case 'r':
			s.text = append(s.text, '\r')
		case 't':
			s.text = append(s.text, '\t')
		case 'u':
			r, _ := hex4(raw[i+1:])
			i += 4
			if r >= 0xd800 && r <= 0xdfff {
				low, _ := hex4(raw[i+3:])
				r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
				i += 6
			}
			s.text = utf8.AppendRune(s.text, r)
		default:
			s.text = append(s.text, c)
		}
	}
	return s.text[start:len(s.text):len(s.text)]
}

// skip passes over one value of any kind that stands inside depth others,
// checking it as strictly as those that are read. It does not recurse.
func (s *scanner) skip(depth int) bool {
	s.nesting = s.nesting[:0]
	level := 0
	for {
		opened, ok := s.openOrScalar()
		if !ok {
			return false
		}
		if opened != 0 {
			if depth+level == maxDepth {
				return s.fail(ClassInvalidJSON, "nested too deeply")
			}
			s.nest(level, opened == '{')
			level++
			s.space()
			if s.peek() != opened+2 { // ] follows [ by two, as } follows {.
				if opened == '{' && !s.memberName() {
					return false
				}
				continue
			}
			s.pos++
			level--
		}
		// A value has ended: close what ends with it, then go on to the next.
		for {
			if level == 0 {
				return true
			}
			s.space()
			object := s.inObject(level - 1)
			c := s.peek()
			if c == ',' {
				s.pos++
				s.space()
				if object && !s.memberName() {
					return false
				}
				break
			}
			if object && c != '}' || !object && c != ']' {
				return s.invalid("want a comma or the end of an object or array")
			}
			s.pos++
			level--
		}
	}
}

// openOrScalar passes over a whole scalar, or over the bracket that opens an
// object or array and returns it.
func (s *scanner) openOrScalar() (opened byte, ok bool) {
	switch c := s.peek(); c {
	case '{', '[':
		s.pos++
		return c, true
	case '"':
		_, _, ok = s.str()
	case 't':
		ok = s.literal("true")
	case 'f':
		ok = s.literal("false")
	case 'n':
		ok = s.literal("null")
	default:
		var n number
		ok = s.number(&n)
	}
	return 0, ok
}

// memberName passes over a nested field's name and the colon.
func (s *scanner) memberName() bool {
	if s.peek() != '"' {
		return s.invalid("want a field's name in quotes")
	}
	if _, _, ok := s.str(); !ok {
		return false
	}
	s.space()
	if s.peek() != ':' {
		return s.invalid("want : after a field's name")
	}
	s.pos++
	s.space()
	return true
}

func (s *scanner) nest(level int, object bool) {
	if level>>6 == len(s.nesting) {
		s.nesting = append(s.nesting, 0)
	}
	bit := uint64(1) << (level & 63)
	s.nesting[level>>6] &^= bit
	if object {
		s.nesting[level>>6] |= bit
	}
}

func (s *scanner) inObject(level int) bool {
	return s.nesting[level>>6]>>(level&63)&1 == 1
}
