package scoring

import (
	"math"
	"math/bits"
)

// columns are binned rows as nodes read them: 16 bits a value, one column for each way in which the
// model's nodes look at a feature. Nodes that agree on what is missing and where it goes share a column,
// in which a missing value simply ranks below or above all cuts.
type columns struct {
	rules   rules
	bins    *bins
	columns []column
	views   [][]int32 // For each of bins.cuts, its columns.
	books   []int32   // For each of bins.codes, its column.
	number  map[column]int32
	book    map[int32]int32 // For each categorical feature, its codebook.
}

// column is one column: the ranks in some cuts, with places for what is missing; or a codebook's codes.
type column struct {
	cut       int32  // -1 for codes.
	nan, zero uint16 // The ranks of a missing value and of 0.
	size      int32  // How many ranks or codes there are.
}

// maxColumns bounds the columns, and with them what a call needs for itself.
const maxColumns = 1 << 14

// newColumns makes the columns for the nodes of a forest; nil where they are too many, or categories have no codes.
func newColumns(f *forest, b *bins) *columns {
	if !b.coded {
		return nil
	}
	c := &columns{rules: f.rules, bins: b, number: map[column]int32{}, book: map[int32]int32{}}
	c.views = make([][]int32, len(b.cuts))
	for i := range b.codes {
		book := &b.codes[i]
		c.book[book.feature] = int32(i)
		c.books = append(c.books, int32(len(c.columns)))
		c.columns = append(c.columns, column{cut: -1, size: int32(book.size())})
	}
	for i := range f.trees {
		for j := range f.trees[i].nodes {
			if n := &f.trees[i].nodes[j]; !n.categorical {
				c.numeric(n)
			}
		}
		if len(c.columns) > maxColumns {
			return nil
		}
	}
	return c
}

// numeric is the column that a numeric node reads, and the rank it compares with: a row goes right when
// its rank is above.
func (c *columns) numeric(n *node) (number int32, rank uint16) {
	cut, rank := c.bins.find(n)
	cuts := &c.bins.cuts[cut]
	zero := cuts.rank(0)
	want := column{cut: int32(cut), nan: zero, zero: zero, size: int32(len(cuts.values)) + 1}
	side := uint16(len(cuts.values)) // Above every cut: right.
	if n.defaultLeft {
		side = 0
	}
	switch n.missing {
	case missingZero:
		want.nan, want.zero = side, side
	case missingNaN:
		want.nan = side
	case missingNone:
	}
	number, ok := c.number[want]
	if !ok {
		number = int32(len(c.columns))
		c.number[want] = number
		c.columns = append(c.columns, want)
		c.views[cut] = append(c.views[cut], number)
	}
	return number, rank
}

// category is the column that a categorical node reads, and the codes that go right there: bit i of the
// words stands for code i.
func (c *columns) category(t *tree, n *node) (number int32, right []uint64) {
	i := c.book[n.feature]
	book := &c.bins.codes[i]
	right = make([]uint64, (book.size()+63)/64)
	for i := range right {
		right[i] = math.MaxUint64
	}
	left := func(code uint32) { right[code/64] &^= 1 << (code % 64) }
	if n.defaultLeft {
		left(book.codeNaN())
	}
	for _, w := range t.sets[n.set[0]:n.set[1]] {
		for rest := w.bits; rest != 0; rest &= rest - 1 {
			left(book.code(w.index*32 + uint32(bits.TrailingZeros32(rest))))
		}
	}
	return c.books[i], right
}

// rank is the rank of a value in a column, of which only the place of its cuts is known yet.
func (c *column) rank(rank uint16, x float64) uint16 {
	if x == 0 {
		rank = c.zero
	}
	if x != x {
		rank = c.nan
	}
	return rank
}

// row bins one row.
func (c *columns) row(codes []uint16, row []float64) {
	for i := range c.bins.groups {
		g := &c.bins.groups[i]
		var x [4]float64
		ranks := c.bins.rank(g, &x, row)
		for lane := range g.used {
			for _, view := range c.views[g.cuts[lane]] {
				codes[view] = c.columns[view].rank(uint16(ranks[lane]), x[lane])
			}
		}
	}
	for i, column := range c.books {
		book := &c.bins.codes[i]
		codes[column] = uint16(book.of(c.rules, row[book.feature]))
	}
}

// blockRows is how many rows are binned and evaluated together: one a bit of a word.
const blockRows = 64

// block is a stretch of rows, binned: blockRows values a column.
type block struct {
	codes []uint16
	x     [blockRows]float64
	keys  [blockRows]uint64
	ranks [blockRows]uint16
}

func (c *columns) newBlock() *block {
	return &block{codes: make([]uint16, len(c.columns)*blockRows)}
}

// fill bins up to blockRows rows of so many features.
func (b *block) fill(c *columns, rows []float64, features int) {
	n := len(rows) / features
	for i := range c.bins.groups {
		g := &c.bins.groups[i]
		for lane := range g.used {
			x, keys, ranks := b.x[:n], b.keys[:n], b.ranks[:n]
			for r := range x {
				x[r] = c.rules.value(rows[r*features+int(g.feature[lane])])
				keys[r] = key(x[r])
			}
			searchColumn(ranks, keys, c.bins.keys, g.steps, g.at[lane])
			for _, view := range c.views[g.cuts[lane]] {
				codes := b.column(view)
				for r, rank := range ranks {
					codes[r] = c.columns[view].rank(rank, x[r])
				}
			}
		}
	}
	for i, column := range c.books {
		book, codes := &c.bins.codes[i], b.column(column)
		for r := range n {
			codes[r] = uint16(book.of(c.rules, rows[r*features+int(book.feature)]))
		}
	}
}

// column is a column of the block.
func (b *block) column(number int32) *[blockRows]uint16 {
	return (*[blockRows]uint16)(b.codes[int(number)*blockRows:])
}
