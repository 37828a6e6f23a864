package scoring

import (
	"math"
	"math/bits"
)

// The mask table, for forests of small trees. It is QuickScorer's idea (Lucchese et al., SIGIR 2015) with
// its conjunctions worked out beforehand: for every bin of every feature the table holds, tree by tree,
// the set of leaves that a value in that bin leaves possible. A row picks one table line a feature; their
// conjunction has one leaf left in every tree. No branch depends on the data, and missing values and
// categories are bins like any other.

// masks is the engine of a mask table.
type masks struct {
	forest   *forest
	bins     *bins
	leaves   int      // Places for leaves a tree has in a word: 32, two trees a word, or 64.
	words    int      // Words a table line.
	table    []uint64 // Lines of words; bit i of a tree's place stands for leaf i.
	lines    []maskLines
	books    []int32   // For each codebook, its first line.
	values   []float64 // Where plain: what the leaves are worth, 32 places a tree; by the forest's rules
	values32 []float32 // one or the other.
	plain    bool      // A row has one margin, and two trees share a word.
}

// maskLines says which table lines belong to some cuts: first + rank, but for missing values and zeros.
type maskLines struct{ first, nan, zero int32 }

const (
	// maskTableBytes is how large a table may be: beyond a share of the second-level cache, walking trees wins.
	maskTableBytes = 1 << 20
	// maskInputs is how many lines a row may pick.
	maskInputs = 32
	// maskStretch is how many words are worked out before their leaves are added up.
	maskStretch = 64
)

// newMasks builds the engine; nil where the forest does not fit it.
func newMasks(f *forest, b *bins) *masks {
	most := 0
	for i := range f.trees {
		most = max(most, f.trees[i].leafCount())
	}
	m := &masks{forest: f, bins: b, leaves: 32, words: (len(f.trees) + 1) / 2}
	if most > 32 {
		m.leaves, m.words = 64, len(f.trees)
	}
	lines := 0
	for i := range b.cuts {
		lines += len(b.cuts[i].values) + 3
	}
	for i := range b.codes {
		lines += b.codes[i].size()
	}
	if !b.coded || !f.scalar() || lines == 0 || most > 64 || len(b.cuts)+len(b.codes) > maskInputs || lines*m.words > maskTableBytes/8 {
		return nil
	}
	m.table = make([]uint64, lines*m.words)
	m.fill()
	if m.plain = m.leaves == 32 && f.outputs == 1; m.plain {
		m.fillValues()
	}
	return m
}

func (m *masks) fillValues() {
	m.values = make([]float64, m.words*64)
	for i := range m.values {
		m.values[i] = math.Copysign(0, -1) // Where there is no tree: adding it changes nothing, not even a -0.
	}
	for i := range m.forest.trees {
		copy(m.values[i*32:], m.forest.trees[i].leaves)
	}
	if m.forest.rules == xgboostRules {
		m.values32 = make([]float32, len(m.values))
		for i, v := range m.values {
			m.values32[i] = float32(v)
		}
	}
}

// fill lays out the lines and works them out.
func (m *masks) fill() {
	for i := range m.table {
		m.table[i] = math.MaxUint64
	}
	next := int32(0)
	for i := range m.bins.cuts {
		n := int32(len(m.bins.cuts[i].values))
		m.lines = append(m.lines, maskLines{first: next, nan: next + n + 1, zero: next + n + 2})
		next += n + 3
	}
	for i := range m.bins.codes {
		m.books = append(m.books, next)
		next += int32(m.bins.codes[i].size())
	}
	for i := range m.forest.trees {
		t := &m.forest.trees[i]
		m.exclude(i, t, t.root())
	}
}

// exclude takes out of the table what the nodes of a subtree rule out, and returns the subtree's leaves.
func (m *masks) exclude(number int, t *tree, at int32) uint64 {
	if at < 0 {
		return 1 << ^at
	}
	n := &t.nodes[at]
	left, right := m.exclude(number, t, n.left), m.exclude(number, t, n.right)
	drop := func(line int32, goesLeft bool) {
		gone := left
		if goesLeft {
			gone = right
		}
		word, shift := number, 0
		if m.leaves == 32 {
			word, shift = number/2, 32*(number%2)
		}
		m.table[int(line)*m.words+word] &^= gone << shift
	}
	if n.categorical {
		m.excludeCategories(t, n, drop)
		return left | right
	}
	cut, rank := m.bins.find(n)
	lines := m.lines[cut]
	for line := lines.first; line < lines.nan; line++ {
		drop(line, line-lines.first <= int32(rank))
	}
	drop(lines.nan, n.goesLeft(nil, m.forest.rules, math.NaN()))
	drop(lines.zero, n.goesLeft(nil, m.forest.rules, 0))
	return left | right
}

func (m *masks) excludeCategories(t *tree, n *node, drop func(line int32, goesLeft bool)) {
	for i := range m.bins.codes {
		book := &m.bins.codes[i]
		if book.feature != n.feature {
			continue
		}
		first := m.books[i]
		drop(first+int32(codeOther), false)
		drop(first+int32(book.codeNaN()), n.defaultLeft)
		for k, category := range book.categories {
			drop(first+int32(codeFirst)+int32(k), member(t.sets[n.set[0]:n.set[1]], category))
		}
	}
}

func (m *masks) layout() string { return "masks" }

// pick writes where in the table a row's lines begin, and returns how many they are.
func (m *masks) pick(dst *[maskInputs]int, row []float64) int {
	for i := range m.bins.groups {
		g := &m.bins.groups[i]
		var x [4]float64
		ranks := m.bins.rank(g, &x, row)
		for lane := range g.used {
			lines := &m.lines[g.cuts[lane]]
			line := lines.first + ranks[lane]
			if x[lane] == 0 {
				line = lines.zero
			}
			if x[lane] != x[lane] {
				line = lines.nan
			}
			dst[g.cuts[lane]&(maskInputs-1)] = int(line) * m.words
		}
	}
	for i := range m.bins.codes {
		book := &m.bins.codes[i]
		dst[len(m.lines)+i] = int(m.books[i]+int32(book.of(m.bins.rules, row[book.feature]))) * m.words
	}
	return len(m.lines) + len(m.books)
}

func (m *masks) margins(dst, rows []float64) error {
	in, out := len(m.forest.features), m.forest.outputs
	var at [maskInputs]int
	for ; len(dst) > 0; dst, rows = dst[out:], rows[in:] {
		inputs := m.pick(&at, rows[:in])
		row := dst[:out:out]
		m.forest.begin(row)
		switch {
		case !m.plain:
			m.evaluate(row, at[:inputs])
		case m.forest.rules == lightgbmRules:
			row[0] = sumMasks(m, row[0], at[:inputs], m.values)
		default:
			row[0] = float64(sumMasks(m, float32(row[0]), at[:inputs], m.values32))
		}
	}
	return nil
}

// sumMasks adds up a row's leaves in a plain forest.
func sumMasks[F float32 | float64](m *masks, sum F, at []int, values []F) F {
	var lines [conjuncts][]uint64
	if len(at) <= conjuncts {
		for i := range lines {
			lines[i] = m.table[at[min(i, len(at)-1)]:][:m.words]
		}
		return addConjunction(sum, &lines, values)
	}
	var buffer [maskStretch]uint64
	for from := 0; from < m.words; from += maskStretch {
		n := min(maskStretch, m.words-from)
		lines[0] = buffer[:n]
		conjunction(lines[0], m.table[from:], at[conjuncts-1:])
		for i, line := range at[:conjuncts-1] {
			lines[i+1] = m.table[from+line:][:n]
		}
		sum = addConjunction(sum, &lines, values[from*64:])
	}
	return sum
}

// evaluate adds a row's leaves to its margins, stretch after stretch of words.
func (m *masks) evaluate(dst []float64, at []int) {
	var buffer [maskStretch]uint64
	for from := 0; from < m.words; from += maskStretch {
		words := buffer[:min(maskStretch, m.words-from)]
		conjunction(words, m.table[from:], at)
		m.add(dst, words, from)
	}
}

// add adds to a row's margins the leaves that the trees from word from on have left, in the trees' order.
func (m *masks) add(dst []float64, words []uint64, from int) {
	perWord := 64 / m.leaves
	for i := from * perWord; i < min((from+len(words))*perWord, len(m.forest.trees)); i++ {
		t := &m.forest.trees[i]
		dst[t.output] = m.forest.rules.add(dst[t.output], t.leaves[m.leaf(words[i/perWord-from], i)])
	}
}

// leaf is the leaf that is left of tree i in its word.
func (m *masks) leaf(word uint64, i int) int32 {
	if m.leaves == 32 {
		return int32(bits.TrailingZeros32(uint32(word >> (32 * (i % 2)))))
	}
	return int32(bits.TrailingZeros64(word))
}

func (m *masks) exits(dst []int32, row []float64) error {
	var at [maskInputs]int
	inputs := m.pick(&at, row)
	perWord := 64 / m.leaves
	for i := range m.forest.trees {
		var word [1]uint64
		conjunction(word[:], m.table[i/perWord:], at[:inputs])
		dst[i] = m.leaf(word[0], i)
	}
	return nil
}
