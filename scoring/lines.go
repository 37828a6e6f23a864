package scoring

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// lines walks a text file line by line and knows where it is, so that every complaint can name its
// line. The lines alias the file.
type lines struct {
	rest    []byte
	number  int // Of the line that next returned last; the first is 1.
	written int // Bytes of the lines returned, as their writer counted them: a newline is one byte.
}

// next returns the next line without its end; ok is false at the end of the file. Files that passed
// through Windows are read too: a carriage return before the newline is no part of the line.
func (l *lines) next() (line []byte, ok bool) {
	if len(l.rest) == 0 {
		return nil, false
	}
	line, l.rest, _ = bytes.Cut(l.rest, []byte{'\n'})
	line = bytes.TrimSuffix(line, []byte{'\r'})
	l.number++
	l.written += len(line) + 1
	return line, true
}

// field is one `key=value` of the file.
type field struct {
	key   string
	value []byte
	line  int
}

// splitField cuts a line at its first `=`, because feature names may hold more of them. A line without
// one is a key alone.
func splitField(line []byte, number int) field {
	key, value, _ := bytes.Cut(line, []byte{'='})
	return field{key: string(key), value: value, line: number}
}

// failf makes the error for this field: the line and the key, then what is wrong.
func (f field) failf(format string, args ...any) error {
	return fmt.Errorf("line %d: %s: %s", f.line, f.key, fmt.Sprintf(format, args...))
}

// integer reads the value as one integer from low to high.
func (f field) integer(low, high int) (int, error) {
	v, err := strconv.Atoi(string(f.value))
	if err != nil {
		return 0, f.failf("%s is not a whole number", quoted(f.value))
	}
	if v < low || v > high {
		return 0, f.failf("%d is outside %d to %d", v, low, high)
	}
	return v, nil
}

// count is the number of space-separated items in the value.
func (f field) count() int {
	n, inside := 0, false
	for _, c := range f.value {
		if c != ' ' && !inside {
			n++
		}
		inside = c != ' '
	}
	return n
}

// expect refuses the field unless it holds exactly want items. It comes before any allocation of
// that size.
func (f field) expect(want int) error {
	if n := f.count(); n != want {
		return f.failf("%d values where %d belong", n, want)
	}
	return nil
}

// words splits the value at spaces, and only at them: names may hold other white space.
func (f field) words() []string {
	words := make([]string, 0, f.count())
	for word := range strings.SplitSeq(string(f.value), " ") {
		if word != "" {
			words = append(words, word)
		}
	}
	return words
}

// numbers reads the want values of the field with parse.
func numbers[T any](f field, want int, parse func(string) (T, error)) ([]T, error) {
	if err := f.expect(want); err != nil {
		return nil, err
	}
	values := make([]T, 0, want)
	for rest := f.value; ; {
		rest = bytes.TrimLeft(rest, " ")
		if len(rest) == 0 {
			return values, nil
		}
		var item []byte
		item, rest, _ = bytes.Cut(rest, []byte{' '})
		v, err := parse(string(item))
		if err != nil {
			return nil, f.failf("value %d, %s, %v", len(values), quoted(item), err)
		}
		values = append(values, v)
	}
}

var errNotNumber = errors.New("is not a finite decimal number")

// parseFinite reads a decimal number as its nearest float64. NaN, infinities, what overflows, and the
// spellings that only Go knows (hexadecimal, underscores) are refused.
func parseFinite(text string) (float64, error) {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, errNotNumber
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, errNotNumber
	}
	return v, nil
}

// parseThreshold reads what rows are compared with: a number, or an infinity as LightGBM writes it for
// "everything but the missing".
func parseThreshold(text string) (float64, error) {
	switch text {
	case "inf":
		return math.Inf(1), nil
	case "-inf":
		return math.Inf(-1), nil
	}
	return parseFinite(text)
}

func parseInt32(text string) (int32, error) {
	v, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, errors.New("is not a whole number of 32 bits")
	}
	return int32(v), nil
}

func parseUint32(text string) (uint32, error) {
	v, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, errors.New("is not a whole number from 0 to 4294967295")
	}
	return uint32(v), nil
}

// quoted shows a piece of the file in an error: escaped, and never more than a short stretch of it.
func quoted(piece []byte) string {
	const most = 40
	if len(piece) > most {
		return strconv.Quote(string(piece[:most])) + "…"
	}
	return strconv.Quote(string(piece))
}
