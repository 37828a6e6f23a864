package features

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Layout names the fields of an event that are not features.
type Layout struct {
	ID   string   // The event's own identity, a string or an integer.
	Key  string   // Whose event it is: the entity whose row the store holds.
	Copy []string // Fields handed through as they came.
}

// Contract is what a model reads: its features in order, compiled for Decode
// and Fetch. It is immutable and safe for concurrent use. Rows cached by a
// Store belong to one Contract, so keep the pointer as long as the model.
type Contract struct {
	features []Feature // In normal form.
	columns  []column  // One for each feature.
	layout   Layout

	event  table       // The event's fields that are wanted.
	wanted []eventSlot // For each of event's names.
	store  table       // The row's fields that are wanted.
	slots  [][]int     // For each of store's names: the positions in stored it fills.
	stored []int       // The features from the store: their positions in the row.
	first  []int       // The features from the event: their positions in the row.
}

// column is how one feature's value is read.
type column struct {
	kind     Type
	codes    map[string]float64
	fallback float64 // The default, where there is one.
	required bool
}

// absent is the status of the column's default where its source has no value.
func (c *column) absent() Status {
	if math.IsNaN(c.fallback) {
		return Missing
	}
	return Absent
}

// eventSlot says what one field of an event is wanted for.
type eventSlot struct {
	id, key bool
	copies  []int // Positions in Layout.Copy.
	columns []int // Positions in the row.
}

// NewContract validates the features and compiles them.
func NewContract(features []Feature, layout Layout) (*Contract, error) {
	if len(features) == 0 {
		return nil, fmt.Errorf("contract: it lists no features")
	}
	if layout.ID == "" || layout.Key == "" {
		return nil, fmt.Errorf("contract: the event's id and key fields must be named")
	}
	c := &Contract{layout: Layout{layout.ID, layout.Key, slices.Clone(layout.Copy)}}
	names := map[string]bool{}
	for i, f := range features {
		f = f.normal()
		if err := f.validate(); err != nil {
			return nil, fmt.Errorf("contract: feature %d %q: %w", i, f.Name, err)
		}
		if names[f.Name] {
			return nil, fmt.Errorf("contract: feature %d %q: the name is taken by an earlier feature", i, f.Name)
		}
		names[f.Name] = true
		c.features = append(c.features, f)
		col := column{kind: f.Type, codes: f.Codes, required: f.Default == nil}
		if f.Default != nil {
			col.fallback = float64(*f.Default)
		}
		c.columns = append(c.columns, col)
	}
	c.compile()
	return c, nil
}

// compile builds the field tables.
func (c *Contract) compile() {
	slot := func(field string) *eventSlot {
		i := c.event.add(field)
		if i == len(c.wanted) {
			c.wanted = append(c.wanted, eventSlot{})
		}
		return &c.wanted[i]
	}
	slot(c.layout.ID).id = true
	slot(c.layout.Key).key = true
	for i, field := range c.layout.Copy {
		s := slot(field)
		s.copies = append(s.copies, i)
	}
	for i, f := range c.features {
		if f.Source == FromEvent {
			s := slot(f.Field)
			s.columns = append(s.columns, i)
			c.first = append(c.first, i)
			continue
		}
		n := c.store.add(f.Field)
		if n == len(c.slots) {
			c.slots = append(c.slots, nil)
		}
		c.slots[n] = append(c.slots[n], len(c.stored))
		c.stored = append(c.stored, i)
	}
	c.event.compile()
	c.store.compile()
}

// Len is the number of features: the length of a row.
func (c *Contract) Len() int { return len(c.features) }

// Names are the features' names in order. The caller owns the slice.
func (c *Contract) Names() []string {
	names := make([]string, len(c.features))
	for i, f := range c.features {
		names[i] = f.Name
	}
	return names
}

// Features are the contract's features with their defaults written out. The
// caller owns the slice, but not what its elements point to.
func (c *Contract) Features() []Feature { return slices.Clone(c.features) }

// Canonical is the contract as stable bytes for a digest: one line a feature,
// in order, of everything that fixes its value.
func (c *Contract) Canonical() []byte {
	var b []byte
	number := func(f float64) {
		if math.IsNaN(f) {
			b = append(b, missing...)
			return
		}
		b = strconv.AppendFloat(b, f, 'g', -1, 64)
	}
	for _, f := range c.features {
		for _, text := range []string{f.Name, string(f.Source), f.Field, string(f.Type)} {
			b = append(strconv.AppendQuote(b, text), ' ')
		}
		b = append(b, '{')
		texts := make([]string, 0, len(f.Codes))
		for text := range f.Codes {
			texts = append(texts, text)
		}
		slices.Sort(texts)
		for i, text := range texts {
			if i > 0 {
				b = append(b, ' ')
			}
			b = append(strconv.AppendQuote(b, text), ':')
			number(f.Codes[text])
		}
		b = append(b, "} "...)
		if f.Default == nil {
			b = append(b, "required"...)
		} else {
			number(float64(*f.Default))
		}
		b = append(b, ' ')
		b = append(strconv.AppendInt(b, int64(f.MaxAge), 10), '\n')
	}
	return b
}

// Order checks the contract against the inputs that a model file names. Names
// of the model's own must be the contract's, in the same order. Generic names
// (Column_0, Column_1 … or f0, f1 …) match by position, so that only their
// count is checked. A model without names at all is matched by the caller, who
// knows its number of inputs.
func (c *Contract) Order(modelNames []string) error {
	if len(modelNames) == 0 {
		return nil
	}
	if len(modelNames) != len(c.features) {
		return fmt.Errorf("contract: it lists %d features, the model reads %d: list the model's features in its order",
			len(c.features), len(modelNames))
	}
	if generic(modelNames, "Column_") || generic(modelNames, "f") {
		return nil
	}
	for i, name := range modelNames {
		if c.features[i].Name != name {
			return fmt.Errorf("contract: feature %d is %q, the model's is %q: list the features in the model's order: %s",
				i, c.features[i].Name, name, strings.Join(modelNames, ", "))
		}
	}
	return nil
}

// generic reports whether every name is the prefix and its own position.
func generic(names []string, prefix string) bool {
	for i, name := range names {
		if name != prefix+strconv.Itoa(i) {
			return false
		}
	}
	return true
}
