package scoring

// compiled is the engine that a forest gets by default: of the layouts that hold it, one for a few rows
// and one for many.
type compiled struct {
	forest *forest
	few    engine
	many   engine
}

// manyRows is from how many rows on a block of them together costs less than each alone.
const manyRows = 24

// newCompiled chooses the layouts.
func newCompiled(f *forest, b *bins) engine {
	if f.weights != nil {
		return naiveEngine{forest: f}
	}
	m := newMasks(f, b)
	if m != nil && m.plain {
		return m // Nothing else is faster, whatever the number of rows.
	}
	c := newColumns(f, b)
	if c == nil {
		return naiveEngine{forest: f}
	}
	e := &compiled{forest: f, few: m}
	if m == nil {
		r := newRanks(f, c)
		if r == nil {
			return naiveEngine{forest: f}
		}
		e.few = r
	}
	s := newRowSets(f, c)
	if s == nil {
		return e.few
	}
	e.many = s
	return e
}

func (e *compiled) layout() string { return e.few.layout() + ", " + e.many.layout() }

func (e *compiled) margins(dst, rows []float64) error {
	in, out := len(e.forest.features), e.forest.outputs
	n := len(rows) / in
	// Whole blocks, and what is left of the last one where it is many, too.
	many := n / blockRows * blockRows
	if n-many >= manyRows {
		many = n
	}
	if many > 0 {
		if err := e.many.margins(dst[:many*out], rows[:many*in]); err != nil {
			return err
		}
	}
	return e.few.margins(dst[many*out:], rows[many*in:])
}

func (e *compiled) exits(dst []int32, row []float64) error { return e.few.exits(dst, row) }
