package features

import "fmt"

// Event is what Decode takes out of an event besides its features. Its slices
// alias the decoded bytes or the Event's own scratch memory: they hold until
// the next Decode into the same Event, and as long as the bytes are not changed.
type Event struct {
	ID     []byte   // The identity as it came: a JSON string or integer.
	Entity []byte   // Whose event it is, as it came: a JSON string or integer.
	Key    []byte   // Entity's text: the string unescaped, or the integer's digits.
	Copy   [][]byte // For each of Layout.Copy the JSON value as it came; nil = absent.

	scan scanner
	seen []bool // For each feature.
}

// The classes of EventError: a small fixed set, fit for a metric's label.
const (
	ClassEmpty           = "empty"            // No value, or null.
	ClassInvalidJSON     = "invalid_json"     // Not RFC 8259 in UTF-8, or nested beyond reason.
	ClassDuplicateKey    = "duplicate_key"    // A top-level field comes twice.
	ClassMissingField    = "missing_field"    // A required field is absent or null.
	ClassWrongType       = "wrong_type"       // A field, or the whole event, is of another type.
	ClassOutOfRange      = "out_of_range"     // A number beyond float64.
	ClassUnknownCategory = "unknown_category" // A string without a code, and no default.
)

// Classes are all classes an EventError can have. The caller owns the slice.
func Classes() []string {
	return []string{
		ClassEmpty, ClassInvalidJSON, ClassDuplicateKey, ClassMissingField,
		ClassWrongType, ClassOutOfRange, ClassUnknownCategory,
	}
}

// EventError says what is wrong with an event.
type EventError struct {
	Class  string // One of Classes.
	Field  string // The top-level field it happened in; empty when in none.
	Offset int    // The byte it was noticed at.
	Reason string
}

// maxShownField is how much of a field's name an error shows. Names that the
// contract does not know are the sender's text.
const maxShownField = 64

func (e *EventError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s at byte %d: %s", e.Class, e.Offset, e.Reason)
	}
	return fmt.Sprintf("%s in field %.*q at byte %d: %s", e.Class, maxShownField, e.Field, e.Offset, e.Reason)
}

// Decode reads one event. It fills ev, and the event's features in row and
// status, which have the contract's length; the store's features are left as
// they are. The error is an *EventError; ev, row and status are then undefined.
//
// Decode is strict: see EventError's classes. A null is the same as no field.
// It does not allocate once ev's scratch has grown.
func (c *Contract) Decode(value []byte, ev *Event, row []float64, status []Status) error {
	ev.reset(c)
	s := &ev.scan
	if !s.open(value) {
		return s.eventError()
	}
	for {
		i, ok := s.field(&c.event)
		if !ok {
			break
		}
		if i < 0 {
			ok = s.skip(1)
		} else {
			ok = c.decodeField(&c.wanted[i], ev, row, status)
		}
		if !ok {
			break
		}
	}
	if s.class != "" {
		return s.eventError()
	}
	return c.complete(ev, row, status)
}

// reset prepares ev for the next event.
func (ev *Event) reset(c *Contract) {
	ev.ID, ev.Entity, ev.Key = nil, nil, nil
	if cap(ev.Copy) < len(c.layout.Copy) {
		ev.Copy = make([][]byte, len(c.layout.Copy))
	}
	ev.Copy = ev.Copy[:len(c.layout.Copy)]
	clear(ev.Copy)
	if cap(ev.seen) < len(c.columns) {
		ev.seen = make([]bool, len(c.columns))
	}
	ev.seen = ev.seen[:len(c.columns)]
	clear(ev.seen)
}

// decodeField reads the value of a wanted field, from its first byte.
func (c *Contract) decodeField(want *eventSlot, ev *Event, row []float64, status []Status) bool {
	s := &ev.scan
	start := s.pos
	var v value
	if !s.value(&v) {
		return false
	}
	if v.kind == isNull {
		return true
	}
	end := s.pos
	raw := s.data[start:end:end]
	if want.id || want.key {
		if v.kind != isString && (v.kind != isNumber || !v.number.integer) {
			s.pos = start
			return s.fail(ClassWrongType, "want a string or an integer, got "+v.kind.String())
		}
		if v.kind == isNumber && len(raw) > maxInteger {
			s.pos = start
			return s.fail(ClassOutOfRange, "an integer beyond float64")
		}
		if want.id {
			ev.ID = raw
		}
		if want.key {
			ev.Entity, ev.Key = raw, s.keyText(&v)
		}
	}
	for _, i := range want.copies {
		ev.Copy[i] = raw
	}
	for _, i := range want.columns {
		x, st, class := c.columns[i].read(s, &v)
		if class != "" {
			s.pos = start
			return s.fail(class, c.columns[i].wants(class, v.kind))
		}
		row[i], status[i], ev.seen[i] = x, st, true
	}
	return true
}

// maxInteger is the length of the largest integer that readers of a prediction can be trusted to take: float64 ends at
// 1.8e308.
const maxInteger = 308

// keyText is the text of an identity: what the row's key in Redis ends with.
// JSON's grammar leaves one way to write an integer, but for -0.
func (s *scanner) keyText(v *value) []byte {
	if v.kind == isString {
		return s.plain(v)
	}
	if string(v.number.raw) == "-0" {
		return v.number.raw[1:]
	}
	return v.number.raw
}

// complete gives absent features their defaults and refuses the event where
// something required is absent.
func (c *Contract) complete(ev *Event, row []float64, status []Status) error {
	lacks := ""
	switch {
	case ev.ID == nil:
		lacks = c.layout.ID
	case ev.Entity == nil:
		lacks = c.layout.Key
	}
	for _, i := range c.first {
		if ev.seen[i] {
			continue
		}
		col := &c.columns[i]
		if col.required && lacks == "" {
			lacks = c.features[i].Field
		}
		row[i], status[i] = col.fallback, col.absent()
	}
	if lacks != "" {
		return &EventError{ClassMissingField, lacks, ev.scan.pos, "a required field is absent or null"}
	}
	return nil
}

// eventError is what the scanner has found, as an error.
func (s *scanner) eventError() error {
	return &EventError{Class: s.class, Field: string(s.name), Offset: s.pos, Reason: s.reason}
}
