package scoring

import (
	"cmp"
	"maps"
	"math"
	"math/bits"
	"slices"
)

// codebook numbers the categories that the model's nodes tell apart at one feature: those it names get
// 1, 2, …, in rising order; all others, NaN too, get codes of their own.
type codebook struct {
	feature    int32
	categories []uint32
	direct     []uint32 // The code of each category up to the largest, where that is small.
}

const (
	codeOther uint32 = 0 // A category that the model does not name, or a value that is none.
	codeFirst uint32 = 1
	// directCodes is how large a table may be in which codes are looked up, the more so the more there are.
	directCodes = 1 << 14
)

// maxCategories is how many categories of a feature have codes of 16 bits, with those of others and NaN.
const maxCategories = 1<<16 - 3

// newCodebooks collects the categories that a forest tells apart, in the order of the features; ok is false
// where a feature has too many.
func newCodebooks(f *forest) (books []codebook, ok bool) {
	count := make(map[int32]int)
	each := func(visit func(n *node, set []setWord)) {
		for i := range f.trees {
			t := &f.trees[i]
			for j := range t.nodes {
				if n := &t.nodes[j]; n.categorical {
					visit(n, t.sets[n.set[0]:n.set[1]])
				}
			}
		}
	}
	each(func(n *node, set []setWord) { count[n.feature] += len(set) })
	words := make(map[int32][]setWord, len(count))
	for feature, n := range count {
		words[feature] = make([]setWord, 0, n)
	}
	each(func(n *node, set []setWord) { words[n.feature] = append(words[n.feature], set...) })
	for _, feature := range slices.Sorted(maps.Keys(words)) {
		set := union(words[feature])
		if size(set) > maxCategories {
			return nil, false
		}
		book := codebook{feature: feature, categories: members(set)}
		book.index()
		books = append(books, book)
	}
	return books, true
}

// union sorts words of several sets by their index and makes one set of them, in place.
func union(words []setWord) []setWord {
	slices.SortFunc(words, func(a, b setWord) int { return cmp.Compare(a.index, b.index) })
	set := words[:0]
	for _, w := range words {
		if last := len(set) - 1; last >= 0 && set[last].index == w.index {
			set[last].bits |= w.bits
			continue
		}
		set = append(set, w)
	}
	return set
}

// size is the number of a set's categories.
func size(set []setWord) (n int) {
	for _, w := range set {
		n += bits.OnesCount32(w.bits)
	}
	return n
}

// members are the categories of a set, rising.
func members(set []setWord) []uint32 {
	categories := make([]uint32, 0, size(set))
	for _, w := range set {
		for rest := w.bits; rest != 0; rest &= rest - 1 {
			categories = append(categories, w.index*32+uint32(bits.TrailingZeros32(rest)))
		}
	}
	return categories
}

// codeNaN is the code of a missing value, the one behind all categories.
func (c *codebook) codeNaN() uint32 { return codeFirst + uint32(len(c.categories)) }

// size is the number of codes.
func (c *codebook) size() int { return len(c.categories) + 2 }

// index makes the table of small categories.
func (c *codebook) index() {
	if n := len(c.categories); n == 0 || c.categories[n-1] >= uint32(min(directCodes, 64+16*n)) {
		return
	}
	c.direct = make([]uint32, c.categories[len(c.categories)-1]+1)
	for i, category := range c.categories {
		c.direct[category] = codeFirst + uint32(i)
	}
}

// code is the code of a category.
func (c *codebook) code(category uint32) uint32 {
	if c.direct != nil {
		if int(category) < len(c.direct) {
			return c.direct[category]
		}
		return codeOther
	}
	if i, ok := slices.BinarySearch(c.categories, category); ok {
		return codeFirst + uint32(i)
	}
	return codeOther
}

// of is the code of a value.
func (c *codebook) of(r rules, x float64) uint32 {
	if category, ok := r.category(x); ok {
		return c.code(category)
	}
	if math.IsNaN(x) {
		return c.codeNaN()
	}
	return codeOther
}
