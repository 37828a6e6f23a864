package scoring

import (
	"cmp"
	"math"
	"slices"
)

// Compiled engines do not compare a row's values with thresholds. They first turn every value into its
// bin: its rank among the thresholds that the model's nodes hold for its feature. x ≤ cut k exactly when
// at most k cuts lie below x, so comparing ranks is comparing values, for any float64; what missing
// values and categories need comes with it, once a row instead of once a node.

// bins turn rows into ranks and category codes.
type bins struct {
	rules  rules
	cuts   []cuts
	groups []group // The cuts again, four at a time.
	keys   []uint64
	codes  []codebook
	coded  bool // Whether the categories are few enough to have codes; where not, only the naive evaluator tells them apart.
}

// cuts are thresholds of one feature: rising, distinct, and at most maxCuts. Where a feature has more,
// it has several cuts, one after the other, and a value ranks in each.
type cuts struct {
	feature int32
	values  []float64
}

// maxCuts leaves room for a rank above all cuts, and for the one that no rank exceeds, in 16 bits.
const maxCuts = 1<<16 - 2

// group is four searches that run interleaved, so that one waits for its memory while the others
// compute. Each searches 2^steps - 1 of bins.keys, padded with the largest there is, which is below nothing.
type group struct {
	steps   int
	feature [4]int32
	at      [4]int32 // Where in bins.keys each search's begin.
	cuts    [4]int32 // Which cuts each is.
	used    int      // How many of the four are; the rest repeat the last, to fill the group.
}

// newBins collects what a forest compares with.
func newBins(f *forest) *bins {
	b := &bins{rules: f.rules}
	b.codes, b.coded = newCodebooks(f)
	thresholds := make([][]float64, len(f.features))
	for i := range f.trees {
		for j := range f.trees[i].nodes {
			if n := &f.trees[i].nodes[j]; !n.categorical {
				thresholds[n.feature] = append(thresholds[n.feature], n.threshold)
			}
		}
	}
	for i := range f.features {
		for rest := distinct(thresholds[i]); len(rest) > 0; {
			n := min(len(rest), maxCuts)
			b.cuts = append(b.cuts, cuts{feature: int32(i), values: rest[:n:n]})
			rest = rest[n:]
		}
	}
	b.keys = []uint64{0} // Searches begin before their first key.
	b.group()
	return b
}

func distinct[T cmp.Ordered](values []T) []T {
	slices.Sort(values)
	return slices.Clip(slices.Compact(values))
}

// group lays the cuts out for search, those of like length together.
func (b *bins) group() {
	order := make([]int32, len(b.cuts))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(i, j int32) int { return steps(len(b.cuts[i].values)) - steps(len(b.cuts[j].values)) })
	for len(order) > 0 {
		n := min(4, len(order))
		g := group{steps: steps(len(b.cuts[order[n-1]].values)), used: n}
		for lane := range 4 {
			c := order[min(lane, n-1)]
			g.cuts[lane], g.feature[lane] = c, b.cuts[c].feature
			if lane >= n {
				g.at[lane] = g.at[n-1]
				continue
			}
			g.at[lane] = int32(len(b.keys))
			for _, cut := range b.cuts[c].values {
				b.keys = append(b.keys, key(cut))
			}
			for len(b.keys) < int(g.at[lane])+1<<g.steps-1 {
				b.keys = append(b.keys, math.MaxUint64)
			}
		}
		b.groups = append(b.groups, g)
		order = order[n:]
	}
}

// rank ranks a row's values in a group of cuts; x gets what nodes see of the values.
func (b *bins) rank(g *group, x *[4]float64, row []float64) (ranks [4]int32) {
	if g.used == 1 {
		x[0] = b.rules.value(row[g.feature[0]])
		ranks[0] = searchOne(b.keys, g.steps, g.at[0], key(x[0]))
		return ranks
	}
	var keys [4]uint64
	for lane := range x {
		x[lane] = b.rules.value(row[g.feature[lane]])
		keys[lane] = key(x[lane])
	}
	return search(b.keys, g.steps, &g.at, &keys)
}

// steps is how many halvings a search among n cuts takes.
func steps(n int) int {
	k := 0
	for 1<<k-1 < n {
		k++
	}
	return k
}

// find is where a node's threshold stands: which cuts, and its rank among them.
func (b *bins) find(n *node) (cut int, rank uint16) {
	cut, _ = slices.BinarySearchFunc(b.cuts, n, func(c cuts, n *node) int {
		if c.feature != n.feature {
			return int(c.feature - n.feature)
		}
		if c.values[len(c.values)-1] < n.threshold {
			return -1
		}
		return 1 // The first whose last cut is not below the threshold.
	})
	i, _ := slices.BinarySearch(b.cuts[cut].values, n.threshold)
	return cut, uint16(i)
}

// rank is how many of the cuts lie below x.
func (c *cuts) rank(x float64) uint16 {
	i, _ := slices.BinarySearch(c.values, x)
	return uint16(i)
}

// key turns numbers into integers of the same order; NaN is not asked for.
func key(x float64) uint64 {
	b := math.Float64bits(x + 0) // -0 becomes 0.
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}
