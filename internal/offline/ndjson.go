package offline

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// longestLine bounds what one line may hold.
const longestLine = 16 << 20

// jsonRows reads one JSON value a line.
type jsonRows struct {
	lines   *bufio.Scanner
	names   []string
	index   map[string]int
	decoder *jsontext.Decoder
	value   bytes.Reader
	seen    []bool
	number  int // Of the line read last.
}

func newJSONRows(in *bufio.Reader, names []string) *jsonRows {
	r := &jsonRows{
		lines:   bufio.NewScanner(in),
		names:   names,
		index:   make(map[string]int, len(names)),
		decoder: jsontext.NewDecoder(bytes.NewReader(nil)),
		seen:    make([]bool, len(names)),
	}
	r.lines.Buffer(make([]byte, 1<<16), longestLine)
	for i, name := range names {
		r.index[name] = i
	}
	return r
}

// next reads one row. Blank lines are passed over.
func (r *jsonRows) next(row []float64) (more bool, err error) {
	for r.lines.Scan() {
		r.number++
		if line := bytes.TrimSpace(r.lines.Bytes()); len(line) > 0 {
			if err := r.read(line, row); err != nil {
				return false, fmt.Errorf("line %d: %w", r.number, err)
			}
			return true, nil
		}
	}
	if err := r.lines.Err(); err != nil {
		return false, fmt.Errorf("read line %d: %w", r.number+1, err)
	}
	return false, nil
}

// read takes one line's value: an array, a record, or an object.
func (r *jsonRows) read(line []byte, row []float64) error {
	r.value.Reset(line)
	r.decoder.Reset(&r.value)
	var err error
	switch r.decoder.PeekKind() {
	case '[':
		err = r.array(row)
	case '{':
		err = r.record(row)
	default:
		err = errors.New("neither an object nor an array")
	}
	if err != nil {
		return err
	}
	if _, err := r.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// array reads numbers in the model's order.
func (r *jsonRows) array(row []float64) error {
	if _, err := r.decoder.ReadToken(); err != nil {
		return err
	}
	n := 0
	for ; r.decoder.PeekKind() != ']'; n++ {
		if n == len(row) {
			return fmt.Errorf("more than %d values, the model's number of features", len(row))
		}
		if err := r.numberAt(row, n); err != nil {
			return err
		}
	}
	if n != len(row) {
		return fmt.Errorf("%d values for a model of %d features", n, len(row))
	}
	_, err := r.decoder.ReadToken()
	return err
}

// record reads an object. If it is a record of served features, its "values" is the row, whatever the
// other keys are called; else its own keys are the features.
func (r *jsonRows) record(row []float64) error {
	if _, err := r.decoder.ReadToken(); err != nil {
		return err
	}
	served := false
	var plain error // What is wrong with the keys, if they are the features.
	clear(r.seen)
	for r.decoder.PeekKind() != '}' {
		key, err := r.key()
		if err != nil {
			return err
		}
		kind := r.decoder.PeekKind()
		i, feature := r.index[key]
		switch {
		case key == "values" && kind == '[':
			served, err = true, r.array(row)
		case key == "values" && kind == '{':
			served, err = true, r.object(row)
		case served || !feature || kind != '0' && kind != 'n':
			if feature && !served && plain == nil {
				plain = notNumber(r.names[i], kind)
			}
			err = r.decoder.SkipValue()
		default:
			err = r.numberAt(row, i)
			r.seen[i] = true
		}
		if err != nil {
			return err
		}
	}
	if _, err := r.decoder.ReadToken(); err != nil || served {
		return err
	}
	if plain != nil {
		return plain
	}
	return r.complete()
}

// object reads feature names and their numbers.
func (r *jsonRows) object(row []float64) error {
	if _, err := r.decoder.ReadToken(); err != nil {
		return err
	}
	clear(r.seen)
	for r.decoder.PeekKind() != '}' {
		key, err := r.key()
		if err != nil {
			return err
		}
		if i, ok := r.index[key]; ok {
			r.seen[i] = true
			err = r.numberAt(row, i)
		} else {
			err = r.decoder.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	if _, err := r.decoder.ReadToken(); err != nil {
		return err
	}
	return r.complete()
}

func (r *jsonRows) key() (string, error) {
	token, err := r.decoder.ReadToken()
	if err != nil {
		return "", err
	}
	return token.String(), nil
}

// complete refuses a row that does not name every feature: a misspelt name would else be a missing
// value.
func (r *jsonRows) complete() error {
	for i, ok := range r.seen {
		if !ok {
			return fmt.Errorf("no feature %q; write null for a missing value", r.names[i])
		}
	}
	return nil
}

// numberAt reads a number or null into row[i].
func (r *jsonRows) numberAt(row []float64, i int) error {
	switch kind := r.decoder.PeekKind(); kind {
	case 'n':
		row[i] = math.NaN()
		return r.decoder.SkipValue()
	case '0':
		text, err := r.decoder.ReadValue()
		if err != nil {
			return err
		}
		if row[i], err = strconv.ParseFloat(string(text), 64); err != nil {
			return fmt.Errorf("feature %q: %s is beyond a 64-bit float", r.names[i], text)
		}
		return nil
	case jsontext.KindInvalid:
		_, err := r.decoder.ReadToken()
		return err
	default:
		return notNumber(r.names[i], kind)
	}
}

func notNumber(name string, kind jsontext.Kind) error {
	return fmt.Errorf("feature %q is a %s, want a number or null", name, kind)
}
