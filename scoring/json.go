package scoring

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonNotation is JSON as RFC 8259 says and XGBoost writes it (src/common/json.cc): numbers may also be NaN,
// Infinity and -Infinity, and \u need not be followed by a code, since XGBoost writes the text \users as it
// stands.
type jsonNotation struct{}

func (jsonNotation) name() string { return "JSON" }

func (jsonNotation) check(data []byte) (span, error) {
	c := jsonChecker{data: data}
	c.space()
	start := c.at
	err := c.value(0)
	if err != nil {
		return span{}, syntaxError(c.at, err)
	}
	end := c.at
	if c.space(); c.at < len(data) {
		return span{}, syntaxError(c.at, fmt.Errorf("%s stands after the end of the document", quoted(data[c.at:])))
	}
	return span{marker: data[start], data: data[start:end]}, nil
}

// jsonChecker goes through the whole text once.
type jsonChecker struct {
	data []byte
	at   int
}

func (c *jsonChecker) space() { c.at = jsonSpace(c.data, c.at) }

// peek is the next byte, 0 at the end of the file.
func (c *jsonChecker) peek() byte {
	if c.at < len(c.data) {
		return c.data[c.at]
	}
	return 0
}

func (c *jsonChecker) wrong(want string) error {
	if c.at >= len(c.data) {
		return errCut
	}
	return fmt.Errorf("%s stands where %s belongs", quoted(c.data[c.at:]), want)
}

func (c *jsonChecker) value(depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	switch b := c.peek(); b {
	case '{', '[':
		return c.container(depth, b)
	case '"':
		return c.text()
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	}
	return c.number()
}

func (c *jsonChecker) word(word string) error {
	if !bytes.HasPrefix(c.data[c.at:], []byte(word)) {
		return c.wrong("a value")
	}
	c.at += len(word)
	return nil
}

// container checks an object or an array from its bracket on.
func (c *jsonChecker) container(depth int, open byte) error {
	end := open + 2 // Of both pairs of brackets the second follows the first in ASCII at this distance.
	c.at++
	c.space()
	if c.peek() == end {
		c.at++
		return nil
	}
	for {
		if open == '{' {
			if err := c.key(); err != nil {
				return err
			}
		}
		if err := c.value(depth + 1); err != nil {
			return err
		}
		c.space()
		switch c.peek() {
		case ',':
			c.at++
			c.space()
		case end:
			c.at++
			return nil
		default:
			return c.wrong(fmt.Sprintf("a comma or %c", end))
		}
	}
}

// key checks an object's key, up to its value.
func (c *jsonChecker) key() error {
	if c.peek() != '"' {
		return c.wrong("a field's name")
	}
	if err := c.text(); err != nil {
		return err
	}
	c.space()
	if c.peek() != ':' {
		return c.wrong("a colon")
	}
	c.at++
	c.space()
	return nil
}

func (c *jsonChecker) text() error {
	for c.at++; c.at < len(c.data); c.at++ {
		switch b := c.data[c.at]; {
		case b == '"':
			c.at++
			return nil
		case b == '\\':
			if c.at++; strings.IndexByte(`"\/bfnrtu`, c.peek()) < 0 {
				return c.wrong("an escape that JSON knows")
			}
		case b < ' ':
			return errors.New("a text holds a control character")
		}
	}
	return errCut
}

func (c *jsonChecker) number() error {
	switch c.peek() {
	case 'N':
		return c.word("NaN")
	case 'I':
		return c.word("Infinity")
	case '-':
		if c.at++; c.peek() == 'I' {
			return c.word("Infinity")
		}
	}
	if c.peek() == '0' {
		c.at++
	} else if !c.digits() {
		return c.wrong("a value")
	}
	if c.peek() == '.' {
		if c.at++; !c.digits() {
			return c.wrong("a digit")
		}
	}
	if b := c.peek(); b == 'e' || b == 'E' {
		c.at++
		if b = c.peek(); b == '+' || b == '-' {
			c.at++
		}
		if !c.digits() {
			return c.wrong("a digit")
		}
	}
	return nil
}

// digits passes over digits; there must be one.
func (c *jsonChecker) digits() bool {
	start := c.at
	for c.at < len(c.data) && c.data[c.at]-'0' < 10 {
		c.at++
	}
	return c.at > start
}

// jsonSpace is where the white space that begins at i ends.
func jsonSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

// jsonEnd is where the value that begins at i ends.
func jsonEnd(data []byte, i int) int {
	depth := 0
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth <= 1 {
				return i + depth
			}
			depth--
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

func (jsonNotation) kind(s span) kind {
	switch s.marker {
	case '{':
		return kindObject
	case '[':
		return kindArray
	case '"':
		return kindText
	case 't', 'f':
		return kindBool
	case 'n':
		return kindNull
	}
	return kindNumber
}

func (n jsonNotation) fields(s span) iter.Seq2[[]byte, span] {
	return func(yield func([]byte, span) bool) {
		for i := jsonSpace(s.data, 1); s.data[i] != '}'; {
			end := jsonEnd(s.data, i)
			key := s.data[i+1 : end-1]
			if bytes.IndexByte(key, '\\') >= 0 {
				key = []byte(n.text(span{data: s.data[i:end]}))
			}
			i = jsonSpace(s.data, end)
			i = jsonSpace(s.data, i+1)
			end = jsonEnd(s.data, i)
			if !yield(key, span{marker: s.data[i], data: s.data[i:end]}) {
				return
			}
			i = jsonNext(s.data, end)
		}
	}
}

func (jsonNotation) items(s span) iter.Seq[span] {
	return func(yield func(span) bool) {
		for i := jsonSpace(s.data, 1); s.data[i] != ']'; {
			end := jsonEnd(s.data, i)
			if !yield(span{marker: s.data[i], data: s.data[i:end]}) {
				return
			}
			i = jsonNext(s.data, end)
		}
	}
}

// jsonNext is where the value after the one that ends at i begins, or the bracket that closes both.
func jsonNext(data []byte, i int) int {
	i = jsonSpace(data, i)
	if data[i] == ',' {
		i = jsonSpace(data, i+1)
	}
	return i
}

func (n jsonNotation) count(s span) int {
	count := 0
	for range n.items(s) {
		count++
	}
	return count
}

func (jsonNotation) text(s span) string {
	raw := s.data[1 : len(s.data)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	var b strings.Builder
	b.Grow(len(raw))
	for len(raw) > 0 {
		if raw[0] != '\\' {
			b.WriteByte(raw[0])
			raw = raw[1:]
			continue
		}
		escape := raw[1]
		raw = raw[2:]
		if escape == 'u' {
			raw = raw[unescape(&b, raw):]
			continue
		}
		if i := strings.IndexByte("bfnrt", escape); i >= 0 {
			escape = "\b\f\n\r\t"[i]
		}
		b.WriteByte(escape)
	}
	return b.String()
}

// unescape writes the character whose code follows \u, and returns how many bytes the code takes. Where
// none follows, \u stands for itself.
func unescape(b *strings.Builder, raw []byte) int {
	code := func(at int) rune {
		if len(raw) < at+4 {
			return -1
		}
		v, err := strconv.ParseUint(string(raw[at:at+4]), 16, 16)
		if err != nil {
			return -1
		}
		return rune(v)
	}
	first := code(0)
	if first < 0 {
		b.WriteString(`\u`)
		return 0
	}
	if utf16.IsSurrogate(first) && bytes.HasPrefix(raw[4:], []byte(`\u`)) {
		if r := utf16.DecodeRune(first, code(6)); r != utf8.RuneError {
			b.WriteRune(r)
			return 10
		}
	}
	b.WriteRune(first)
	return 4
}

func (jsonNotation) number(s span) number {
	switch string(s.data) {
	case "true":
		return number{whole: true, fits: true, int: 1}
	case "false":
		return number{whole: true, fits: true}
	}
	if bytes.ContainsAny(s.data, ".eENI") {
		// Beyond float32 it is an infinity, as it is for XGBoost.
		v, _ := strconv.ParseFloat(string(s.data), 32)
		return number{float: float32(v)}
	}
	v, err := strconv.ParseInt(string(s.data), 10, 64)
	return number{whole: true, fits: err == nil, int: v}
}
