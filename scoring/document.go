package scoring

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// A document is a tree of values, written down as JSON (json.go) or UBJSON (ubjson.go). It stays the bytes
// it was: reading a value is finding its span, so that a document costs no memory beyond what a reader
// makes of it. Every complaint names its value as people do: learner.gradient_booster.model.trees[3].id.

// notation is how a document is written down. check is given bytes that may be anything; the other methods
// rely on it having accepted them.
type notation interface {
	name() string
	// check returns the document's one value, after which nothing stands.
	check(data []byte) (span, error)
	kind(s span) kind
	// fields goes through an object, items through an array, in their order; count is the number of items.
	fields(s span) iter.Seq2[[]byte, span]
	items(s span) iter.Seq[span]
	count(s span) int
	text(s span) string
	number(s span) number
}

// span is the bytes of one value. In UBJSON marker is its type and data what follows; in JSON data is all
// of it, and marker its first byte.
type span struct {
	marker byte
	data   []byte
}

// kind is what a value is. The zero kind is that of nothing.
type kind uint8

const (
	kindNull kind = iota + 1
	kindBool
	kindNumber
	kindText
	kindArray
	kindObject
)

func (k kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a text", "an array", "an object"}[k]
}

// number is a number, or a boolean as 0 or 1. XGBoost tells whole numbers by how they are written.
type number struct {
	whole bool
	fits  bool    // Within int64, where whole.
	int   int64   // Where whole.
	float float32 // The nearest, where not whole.
}

// maxDepth bounds how deep values may be nested. XGBoost's models need 9.
const maxDepth = 64

var (
	errCut  = errors.New("the file ends here: it is cut short")
	errDeep = fmt.Errorf("values are nested deeper than %d", maxDepth)
)

// syntaxError says where in a file a document is broken.
func syntaxError(at int, err error) error { return fmt.Errorf("byte %d: %w", at, err) }

// element is a value and where it stands.
type element struct {
	notation notation
	span     span
	up       *element // The object or array around it; nil for the document's own value.
	key      string   // Its name in that object.
	index    int      // Its place in that array, where key is empty.
}

// openDocument reads a document in a notation.
func openDocument(n notation, data []byte) (*element, error) {
	s, err := n.check(data)
	if err != nil {
		return nil, err
	}
	return &element{notation: n, span: s}, nil
}

// path is where the element stands, from the document's value on.
func (e *element) path() string {
	switch {
	case e.up == nil:
		return ""
	case e.key == "":
		return e.up.path() + "[" + strconv.Itoa(e.index) + "]"
	case e.up.up == nil:
		return e.key
	}
	return e.up.path() + "." + e.key
}

// failf makes an error about the element.
func (e *element) failf(format string, args ...any) error {
	path := e.path()
	if path == "" {
		return fmt.Errorf(format, args...)
	}
	return fmt.Errorf("%s: %w", path, fmt.Errorf(format, args...))
}

// failAt makes an error about item i of the element.
func (e *element) failAt(i int, format string, args ...any) error {
	return e.item(i, span{}).failf(format, args...)
}

// is refuses an element of another kind.
func (e *element) is(want kind) error {
	if got := e.notation.kind(e.span); got != want {
		return e.failf("%v where %v belongs", got, want)
	}
	return nil
}

// item is an item of the element, an array.
func (e *element) item(i int, s span) *element {
	return &element{notation: e.notation, span: s, up: e, index: i}
}

// count is the number of the element's items. All of them are there, so it is safe to allocate by.
func (e *element) count() (int, error) {
	if err := e.is(kindArray); err != nil {
		return 0, err
	}
	return e.notation.count(e.span), nil
}

// expect refuses the element unless it is an array of want items.
func (e *element) expect(want int) error {
	n, err := e.count()
	if err == nil && n != want {
		err = e.failf("%d values where %d belong", n, want)
	}
	return err
}

// text reads a text.
func (e *element) text() (string, error) {
	if err := e.is(kindText); err != nil {
		return "", err
	}
	return e.notation.text(e.span), nil
}

// texts reads an array of texts.
func (e *element) texts() ([]string, error) {
	n, err := e.count()
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, n)
	for s := range e.notation.items(e.span) {
		text, err := e.item(len(texts), s).text()
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// parameter reads a whole number from low to high that is written as a text, as XGBoost writes parameters.
func (e *element) parameter(low, high int) (int, error) {
	text, err := e.text()
	if err != nil {
		return 0, err
	}
	v, err := strconv.Atoi(text)
	if err != nil {
		return 0, e.failf("%s is not a whole number", quoted([]byte(text)))
	}
	if v < low || v > high {
		return 0, e.failf("%d is outside %d to %d", v, low, high)
	}
	return v, nil
}

// integer reads a whole number of 32 bits.
func (e *element) integer() (int, error) {
	if err := e.is(kindNumber); err != nil {
		return 0, err
	}
	v, wrong := toInt32(e.notation.number(e.span))
	if wrong != "" {
		return 0, e.failf("%s", wrong)
	}
	return int(v), nil
}

// int32s reads an array of want whole numbers, or of any number where want is negative, into a slice that
// it may reuse. Booleans are 0 and 1.
func (e *element) int32s(into []int32, want int) ([]int32, error) {
	return array(e, into, want, toInt32)
}

func toInt32(n number) (v int32, wrong string) {
	if !n.whole || !n.fits || n.int != int64(int32(n.int)) {
		return 0, "not a whole number of 32 bits"
	}
	return int32(n.int), ""
}

// float32s reads an array of want numbers like int32s. NaN and infinities are numbers.
func (e *element) float32s(into []float32, want int) ([]float32, error) {
	return array(e, into, want, toFloat32)
}

func toFloat32(n number) (v float32, wrong string) {
	switch {
	case n.whole && !n.fits:
		return 0, "not a whole number of 64 bits"
	case n.whole:
		return float32(n.int), ""
	}
	return n.float, ""
}

// array reads an array of numbers; convert says what is wrong with one.
func array[T any](e *element, into []T, want int, convert func(number) (T, string)) ([]T, error) {
	n, err := e.count()
	if err != nil {
		return nil, err
	}
	if want >= 0 && n != want {
		return nil, e.failf("%d values where %d belong", n, want)
	}
	into = into[:0]
	if cap(into) < n {
		into = make([]T, 0, n)
	}
	for s := range e.notation.items(e.span) {
		if k := e.notation.kind(s); k != kindNumber && k != kindBool {
			return nil, e.item(len(into), s).is(kindNumber)
		}
		v, wrong := convert(e.notation.number(s))
		if wrong != "" {
			return nil, e.item(len(into), s).failf("%s", wrong)
		}
		into = append(into, v)
	}
	return into, nil
}

// object is the fields of an element, each of which must be known: one that is not may well change scores.
// It may be used for one element after the other.
type object struct {
	of     *element
	known  []string
	values []element // The fields in the order of known; those that are not there have no notation.
}

// read goes through the fields of e.
func (o *object) read(e *element, known []string) error {
	if err := e.is(kindObject); err != nil {
		return err
	}
	o.of, o.known = e, known
	if cap(o.values) < len(known) {
		o.values = make([]element, len(known))
	}
	o.values = o.values[:len(known)]
	clear(o.values)
	for key, s := range e.notation.fields(e.span) {
		i := 0
		for i < len(known) && known[i] != string(key) {
			i++
		}
		if i == len(known) {
			return e.failf("field %s is not known, and might change scores", quoted(key))
		}
		if o.values[i].notation != nil {
			return e.failf("field %s stands twice", quoted(key))
		}
		o.values[i] = element{notation: e.notation, span: s, up: e, key: known[i]}
	}
	return nil
}

// find returns a field, or nil.
func (o *object) find(key string) *element {
	for i, known := range o.known {
		if known == key && o.values[i].notation != nil {
			return &o.values[i]
		}
	}
	return nil
}

// get returns a field that must be there.
func (o *object) get(key string) (*element, error) {
	if e := o.find(key); e != nil {
		return e, nil
	}
	return nil, o.of.failf("%s is missing", key)
}

// object reads the fields of an element.
func (e *element) object(known ...string) (*object, error) {
	o := &object{}
	if err := o.read(e, known); err != nil {
		return nil, err
	}
	return o, nil
}

// float32Text reads a number from a text, correctly rounded; ok is false where it is none, or not finite.
func float32Text(text string) (v float32, ok bool) {
	text = strings.TrimSpace(text)
	if _, err := parseFinite(text); err != nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 32)
	return float32(f), err == nil
}
