package scoring

import (
	"errors"
	"fmt"
	"math/bits"
)

// errBeyondLeaves marks what leaves cannot express.
var errBeyondLeaves = errors.New("leaves cannot hold the model")

// leafColumns bring rows and category sets into the form in which leaves decides as the forest's library
// does. What differs, and is mended here:
//
//   - leaves compares float64 as they are: rows get what the rules make of a value before (LightGBM's
//     zeros, XGBoost's float32).
//   - leaves leans on what the processor makes of a category's conversion to an integer, and sends a
//     missing category right. Here a category has a code: those that the model names their number, a
//     missing one a number of its own, which the sets of nodes with a default side to the left hold, and
//     all others one that is in no set, and goes right. One more code, which no row has, keeps every set
//     from being empty.
//   - A feature may be numeric in one tree and categorical in another (training continued with other
//     settings): categories have columns of their own, behind the features.
type leafColumns struct {
	rules    rules
	features int
	width    int // Columns in leaves' rows: the features, then the categories'.
	direct   bool
	books    []codebook
	book     []int32 // For each feature its codebook, or -1.
}

func newLeafColumns(f *forest, b *bins) (*leafColumns, error) {
	if !b.coded {
		return nil, fmt.Errorf("%w: a feature has more than %d categories", errBeyondLeaves, maxCategories)
	}
	c := &leafColumns{rules: f.rules, features: len(f.features), books: b.codes}
	c.width = c.features + len(c.books)
	c.book = make([]int32, c.features)
	for i := range c.book {
		c.book[i] = -1
	}
	for i := range c.books {
		c.book[c.books[i].feature] = int32(i)
	}
	words := 0
	c.direct = len(c.books) == 0 && f.rules == lightgbmRules
	for i := range f.trees {
		for j := range f.trees[i].nodes {
			n := &f.trees[i].nodes[j]
			if n.categorical {
				words += c.books[c.book[n.feature]].size()/32 + 2
			}
			// Where 0 is not missing, and no threshold lies among the values that LightGBM takes for 0, the
			// difference does not show. (At the band's upper end 0 and a tiny value fall to the same side.)
			if n.missing == missingZero || n.threshold >= -zeroThreshold && n.threshold < zeroThreshold {
				c.direct = false
			}
		}
	}
	if words > f.setWords() {
		return nil, fmt.Errorf("%w: its category sets are too wide", errBeyondLeaves)
	}
	return c, nil
}

// of is the column a node reads.
func (c *leafColumns) of(n *node) int {
	if n.categorical {
		return c.features + int(c.book[n.feature])
	}
	return int(n.feature)
}

// translate writes a row in leaves' form.
func (c *leafColumns) translate(dst, row []float64) {
	for i, x := range row {
		dst[i] = c.rules.value(x)
	}
	for i := range c.books {
		dst[c.features+i] = float64(c.books[i].of(c.rules, row[c.books[i].feature]))
	}
}

// sets are a tree's category sets as LightGBM lays them out, one a categorical node in the order of the
// nodes: set k is words[boundaries[k]:boundaries[k+1]].
func (c *leafColumns) sets(t *tree) (boundaries, words []uint32) {
	for i := range t.nodes {
		n := &t.nodes[i]
		if !n.categorical {
			continue
		}
		if boundaries == nil {
			boundaries = []uint32{0}
		}
		book := &c.books[c.book[n.feature]]
		start := len(words)
		words = append(words, make([]uint32, (book.size()+32)/32)...)
		add := func(code uint32) { words[start+int(code/32)] |= 1 << (code % 32) }
		add(uint32(book.size())) // The code that no row has.
		if n.defaultLeft {
			add(book.codeNaN())
		}
		for _, w := range t.sets[n.set[0]:n.set[1]] {
			for rest := w.bits; rest != 0; rest &= rest - 1 {
				add(book.code(w.index*32 + uint32(bits.TrailingZeros32(rest))))
			}
		}
		boundaries = append(boundaries, uint32(len(words)))
	}
	return boundaries, words
}
