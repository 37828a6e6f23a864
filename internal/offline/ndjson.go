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

// jsonRows reads one JSON value a line.
type jsonRows struct {
	in      *input
	names   []string
	index   map[string]int
	decoder *jsontext.Decoder
	value   bytes.Reader
	seen    []bool
	long    []byte // The line read last, where the buffer could not hold it.
	key     []byte // The key read last.
	number  int    // Of the line read last.
}

func newJSONRows(in *input, names []string) *jsonRows {
	r := &jsonRows{
		in:      in,
		names:   names,
		index:   make(map[string]int, len(names)),
		decoder: jsontext.NewDecoder(bytes.NewReader(nil)),
		seen:    make([]bool, len(names)),
	}
	for i, name := range names {
		r.index[name] = i
	}
	return r
}

// next reads one row. Blank lines are passed over.
func (r *jsonRows) next(row []float64) (more bool, err error) {
	for {
		r.in.nextRow()
		line, err := r.line()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		r.number++
		if err != nil {
			return false, fmt.Errorf("line %d: %w", r.number, err)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := r.read(line, row); err != nil {
			return false, fmt.Errorf("line %d%w", r.number, explain(err, line))
		}
		return true, nil
	}
}

// line reads up to the next line end, or to the end of the input. What stands before any other error is
// no line. The bytes hold until the next call.
func (r *jsonRows) line() ([]byte, error) {
	line, err := r.in.buffered.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.long = r.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) {
			r.long = append(r.long, line...)
			line, err = r.in.buffered.ReadSlice('\n')
		}
		r.long = append(r.long, line...)
		line = r.long
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil
	}
	return line, err
}

// explain says in a line's own terms where it is no JSON. What it returns goes on behind "line 7".
func explain(err error, line []byte) error {
	var broken *jsontext.SyntacticError
	switch {
	case !errors.As(err, &broken):
		return fmt.Errorf(": %w", err)
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf(": key %s stands twice", quoted(broken.JSONPointer.LastToken()))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New(": the JSON goes on behind the line's end: NDJSON has one row a line, as jq -c writes it")
	case int(broken.ByteOffset) < len(line) && bytes.IndexByte([]byte("NI"), line[broken.ByteOffset]) >= 0:
		return fmt.Errorf(", column %d: JSON knows no NaN and no Infinity: write null for a missing value", broken.ByteOffset+1)
	}
	return fmt.Errorf(", column %d: %w", broken.ByteOffset+1, broken.Err)
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
	if kind := r.decoder.PeekKind(); kind == '{' || kind == '[' {
		return errors.New("an array of rows: NDJSON has one row a line, as jq -c '.[]' writes it")
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
		i, feature, err := r.nextKey()
		if err != nil {
			return err
		}
		kind, values := r.decoder.PeekKind(), string(r.key) == "values"
		switch {
		case values && kind == '[':
			served, err = true, r.array(row)
		case values && kind == '{':
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
		i, feature, err := r.nextKey()
		if err != nil {
			return err
		}
		if feature {
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

// nextKey reads a key and says which feature it names, if it does.
func (r *jsonRows) nextKey() (i int, feature bool, err error) {
	text, err := r.decoder.ReadValue()
	if err != nil {
		return 0, false, err
	}
	if r.key, err = jsontext.AppendUnquote(r.key[:0], text); err != nil {
		return 0, false, err
	}
	i, feature = r.index[string(r.key)]
	return i, feature, nil
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
			return fmt.Errorf("feature %q: %s is beyond a 64-bit float", r.names[i], quoted(text))
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
	what := kind.String()
	switch kind {
	case '"':
		what = "a string"
	case '{':
		what = "an object"
	case '[':
		what = "an array"
	}
	return fmt.Errorf("feature %q is %s, want a number or null", name, what)
}
