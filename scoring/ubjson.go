package scoring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
)

// ubjsonNotation is Universal Binary JSON (draft 12, https://ubjson.org) as far as XGBoost reads it
// (src/common/json.cc, UBJReader):
//
//	Z  T  F                  null, true, false
//	i U I l L C  d D         integers of 1, 1, 2, 4, 8 and 1 bytes; float32, float64; all big endian
//	S <n> bytes              a text
//	{ (<n> bytes value)* }   an object, each key without its S
//	[ value* ]               an array; or [#<n> value*, which is not closed;
//	[$<type>#<n> payload*    or numbers of one type, without their markers
//
// A length <n> is an integer with its marker; XGBoost writes L. High-precision numbers (H), no-ops (N),
// objects with a length and typed arrays of anything but numbers are refused: XGBoost writes none.
type ubjsonNotation struct{}

func (ubjsonNotation) name() string { return "UBJSON" }

func (ubjsonNotation) check(data []byte) (span, error) {
	c := ubjsonChecker{data: data}
	err := c.value(0)
	if err == nil && c.at < len(data) {
		err = fmt.Errorf("%d bytes stand after the end of the document", len(data)-c.at)
	}
	if err != nil {
		return span{}, syntaxError(c.at, err)
	}
	return span{marker: data[0], data: data[1:]}, nil
}

// ubjsonSize is the number of bytes of a number's payload, 0 for what is no number.
func ubjsonSize(marker byte) int {
	switch marker {
	case 'i', 'U', 'C':
		return 1
	case 'I':
		return 2
	case 'l', 'd':
		return 4
	case 'L', 'D':
		return 8
	}
	return 0
}

// ubjsonInteger reads an integer's payload.
func ubjsonInteger(marker byte, data []byte) int64 {
	switch marker {
	case 'U':
		return int64(data[0])
	case 'I':
		return int64(int16(binary.BigEndian.Uint16(data)))
	case 'l':
		return int64(int32(binary.BigEndian.Uint32(data)))
	case 'L':
		return int64(binary.BigEndian.Uint64(data))
	}
	return int64(int8(data[0])) // i and C.
}

// ubjsonChecker goes through the whole file once.
type ubjsonChecker struct {
	data []byte
	at   int
}

// next is the next byte, passed over.
func (c *ubjsonChecker) next() (byte, error) {
	if c.at >= len(c.data) {
		return 0, errCut
	}
	c.at++
	return c.data[c.at-1], nil
}

// peeks says whether the next byte is b.
func (c *ubjsonChecker) peeks(b byte) bool { return c.at < len(c.data) && c.data[c.at] == b }

// length passes over a length, and refuses one that cannot be: each of what it counts takes size bytes.
func (c *ubjsonChecker) length(size int) (int, error) {
	marker, err := c.next()
	if err != nil {
		return 0, err
	}
	if strings.IndexByte("iUIlL", marker) < 0 {
		return 0, fmt.Errorf("%q stands where the type of a length belongs", marker)
	}
	if ubjsonSize(marker) > len(c.data)-c.at {
		return 0, errCut
	}
	v := ubjsonInteger(marker, c.data[c.at:])
	c.at += ubjsonSize(marker)
	if left := len(c.data) - c.at; v < 0 || v > int64(left/size) {
		return 0, fmt.Errorf("a length of %d where %d bytes are left: the file is cut short or damaged", v, left)
	}
	return int(v), nil
}

func (c *ubjsonChecker) value(depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	marker, err := c.next()
	if err != nil {
		return err
	}
	switch marker {
	case '{':
		return c.object(depth)
	case '[':
		return c.array(depth)
	case 'Z', 'T', 'F':
		return nil
	case 'S':
		return c.text()
	}
	size := ubjsonSize(marker)
	if size == 0 {
		return fmt.Errorf("%q stands where a value belongs", marker)
	}
	if size > len(c.data)-c.at {
		return errCut
	}
	c.at += size
	return nil
}

func (c *ubjsonChecker) text() error {
	n, err := c.length(1)
	c.at += n
	return err
}

func (c *ubjsonChecker) object(depth int) error {
	for !c.peeks('}') {
		if err := c.text(); err != nil {
			return err
		}
		if err := c.value(depth + 1); err != nil {
			return err
		}
	}
	c.at++
	return nil
}

func (c *ubjsonChecker) array(depth int) error {
	switch {
	case c.peeks('$'):
		c.at++
		marker, err := c.next()
		if err != nil {
			return err
		}
		size := ubjsonSize(marker)
		if size == 0 {
			return fmt.Errorf("an array of type %q: only numbers are known", marker)
		}
		switch hash, err := c.next(); {
		case err != nil:
			return err
		case hash != '#':
			return errors.New("an array has a type but no length")
		}
		n, err := c.length(size)
		c.at += n * size
		return err
	case c.peeks('#'):
		c.at++
		n, err := c.length(1)
		for ; err == nil && n > 0; n-- {
			err = c.value(depth + 1)
		}
		return err
	}
	for !c.peeks(']') {
		if err := c.value(depth + 1); err != nil {
			return err
		}
	}
	c.at++
	return nil
}

// ubjsonLength reads a length, and how many bytes it takes.
func ubjsonLength(data []byte) (length, size int) {
	return int(ubjsonInteger(data[0], data[1:])), 1 + ubjsonSize(data[0])
}

// ubjsonEnd is where the payload that begins at i ends, of a value of the marker's type.
func ubjsonEnd(marker byte, data []byte, i int) int {
	switch marker {
	case 'S':
		length, size := ubjsonLength(data[i:])
		return i + size + length
	case '{':
		for data[i] != '}' {
			i = ubjsonEnd('S', data, i)
			i = ubjsonEnd(data[i], data, i+1)
		}
		return i + 1
	case '[':
		a, i := ubjsonArrayAt(data, i)
		if a.marker != 0 {
			return i + a.count*ubjsonSize(a.marker)
		}
		for n := 0; a.more(data, i, n); n++ {
			i = ubjsonEnd(data[i], data, i+1)
		}
		if a.count < 0 {
			i++
		}
		return i
	}
	return i + ubjsonSize(marker)
}

// ubjsonArray is what stands at the head of an array.
type ubjsonArray struct {
	marker byte // The type of all items, 0 where each has its own.
	count  int  // -1 where the array ends with a bracket.
}

// ubjsonArrayAt reads the head that begins at i, and where it ends.
func ubjsonArrayAt(data []byte, i int) (ubjsonArray, int) {
	a := ubjsonArray{count: -1}
	if data[i] == '$' {
		a.marker = data[i+1]
		i += 2
	}
	if data[i] == '#' {
		length, size := ubjsonLength(data[i+1:])
		a.count = length
		i += 1 + size
	}
	return a, i
}

// more says whether the array goes on at i, after n items.
func (a ubjsonArray) more(data []byte, i, n int) bool {
	if a.count < 0 {
		return data[i] != ']'
	}
	return n < a.count
}

func (ubjsonNotation) kind(s span) kind {
	switch s.marker {
	case '{':
		return kindObject
	case '[':
		return kindArray
	case 'S':
		return kindText
	case 'T', 'F':
		return kindBool
	case 'Z':
		return kindNull
	}
	return kindNumber
}

func (n ubjsonNotation) fields(s span) iter.Seq2[[]byte, span] {
	return func(yield func([]byte, span) bool) {
		for i := 0; s.data[i] != '}'; {
			length, size := ubjsonLength(s.data[i:])
			key := s.data[i+size : i+size+length]
			i += size + length
			end := ubjsonEnd(s.data[i], s.data, i+1)
			if !yield(key, span{marker: s.data[i], data: s.data[i+1 : end]}) {
				return
			}
			i = end
		}
	}
}

func (n ubjsonNotation) items(s span) iter.Seq[span] {
	return func(yield func(span) bool) {
		a, i := ubjsonArrayAt(s.data, 0)
		for n := 0; a.more(s.data, i, n); n++ {
			marker := a.marker
			if marker == 0 {
				marker = s.data[i]
				i++
			}
			end := ubjsonEnd(marker, s.data, i)
			if !yield(span{marker: marker, data: s.data[i:end]}) {
				return
			}
			i = end
		}
	}
}

func (n ubjsonNotation) count(s span) int {
	if a, _ := ubjsonArrayAt(s.data, 0); a.count >= 0 {
		return a.count
	}
	count := 0
	for range n.items(s) {
		count++
	}
	return count
}

func (ubjsonNotation) text(s span) string {
	_, size := ubjsonLength(s.data)
	return string(s.data[size:])
}

func (ubjsonNotation) number(s span) number {
	switch s.marker {
	case 'T':
		return number{whole: true, fits: true, int: 1}
	case 'F':
		return number{whole: true, fits: true}
	case 'd':
		return number{float: math.Float32frombits(binary.BigEndian.Uint32(s.data))}
	case 'D':
		return number{float: float32(math.Float64frombits(binary.BigEndian.Uint64(s.data)))}
	}
	return number{whole: true, fits: true, int: ubjsonInteger(s.marker, s.data)}
}
