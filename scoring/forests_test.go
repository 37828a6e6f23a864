package scoring

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// newForest draws a forest that a reader could have made: every tree is one.
func (p *plan) newForest(t testing.TB, d *rand.Rand) *forest {
	t.Helper()
	f := &forest{format: "random", outputs: p.outputs, rules: p.rules}
	for i := range p.features {
		f.features = append(f.features, fmt.Sprintf("f%d", i))
	}
	if p.rules == xgboostRules {
		for range f.outputs {
			f.base = append(f.base, p.leafValue(d))
		}
	}
	seen := &reached{}
	for i := range p.trees[0] + d.IntN(p.trees[1]-p.trees[0]+1) {
		leaves := p.leaves[0] + d.IntN(p.leaves[1]-p.leaves[0]+1)
		if chance(d, 0.1) {
			leaves = one(d, p.leaves[0], p.leaves[1])
		}
		f.trees = append(f.trees, p.newTree(d, leaves))
		if err := f.trees[i].walk(seen); err != nil {
			t.Fatalf("tree %d of the random forest: %v", i, err)
		}
	}
	if err := f.check(); err != nil {
		t.Fatalf("the random forest: %v", err)
	}
	return f
}

// newTree draws a tree: its shape, what its nodes ask, and what its leaves are worth.
func (p *plan) newTree(d *rand.Rand, leaves int) tree {
	t := tree{output: int32(d.IntN(p.outputs)), nodes: newShape(d, leaves, p.chain)}
	for i := range t.nodes {
		p.decide(d, &t, &t.nodes[i])
	}
	each := 1
	if chance(d, p.vector) {
		t.vector, each = true, p.outputs
	}
	for range leaves * each {
		t.leaves = append(t.leaves, p.leafValue(d))
	}
	if !t.vector && chance(d, p.linear) {
		t.linear = p.newLinear(d, leaves)
	}
	return t
}

// newShape draws nodes and their children: a chain, or whatever comes of splitting one leaf after the other.
// Nodes and leaves are numbered at random, but for the root.
func newShape(d *rand.Rand, leaves int, chain float64) []node {
	type slot struct {
		node  int32
		right bool
	}
	nodes, open := make([]node, leaves-1), []slot{}
	set := func(s slot, child int32) {
		if s.right {
			nodes[s.node].right = child
		} else {
			nodes[s.node].left = child
		}
	}
	chained := chance(d, chain)
	sides := one(d, 0, 1, 2) // Chains to the right, to the left, to either side.
	number := d.Perm(max(leaves-2, 0))
	for i := range nodes {
		at := int32(0)
		if i > 0 {
			at = int32(number[i-1] + 1)
			pick := d.IntN(len(open))
			if chained {
				pick = len(open) - 1 - one(d, [][]int{{0}, {1}, {0, 1}}[sides]...)
			}
			set(open[pick], at)
			open = slices.Delete(open, pick, pick+1)
		}
		open = append(open, slot{at, false}, slot{at, true})
	}
	for i, leaf := range d.Perm(len(open)) {
		set(open[i], int32(^leaf))
	}
	return nodes
}

// decide draws what a node asks.
func (p *plan) decide(d *rand.Rand, t *tree, n *node) {
	n.feature = int32(d.IntN(p.features))
	n.missing = one(d, p.missing...)
	n.defaultLeft = chance(d, 0.5)
	if chance(d, p.categorical) {
		n.categorical, n.missing = true, missingNaN
		n.set = p.newSet(d, t)
		return
	}
	switch {
	case chance(d, p.shared):
		n.threshold = one(d, p.thresholds...)
	case chance(d, 0.1):
		n.threshold = p.round(one(d, edges...))
	default:
		n.threshold = p.round(d.NormFloat64())
	}
}

// newSet draws a category set, at times one that the tree already has, or an empty one.
func (p *plan) newSet(d *rand.Rand, t *tree) [2]uint32 {
	if n := len(t.sets); n > 0 && chance(d, 0.1) {
		for i := range t.nodes {
			if t.nodes[i].categorical && t.nodes[i].set[1] > 0 {
				return t.nodes[i].set
			}
		}
	}
	words := map[uint32]uint32{}
	for range one(d, 0, 1, 1, 2, 8, 40, 150) {
		if len(p.categories) > 0 {
			category := one(d, p.categories...)
			words[category/32] |= 1 << (category % 32)
		}
	}
	set := [2]uint32{uint32(len(t.sets))}
	for index, word := range words {
		t.sets = append(t.sets, setWord{index, word})
	}
	set[1] = uint32(len(t.sets))
	slices.SortFunc(t.sets[set[0]:], func(a, b setWord) int { return int(a.index) - int(b.index) })
	return set
}

func (p *plan) newLinear(d *rand.Rand, leaves int) *linearLeaves {
	l := &linearLeaves{start: []uint32{0}}
	for range leaves {
		l.constant = append(l.constant, p.leafValue(d))
		for range d.IntN(4) {
			l.feature = append(l.feature, int32(d.IntN(p.features)))
			l.coefficient = append(l.coefficient, p.leafValue(d))
		}
		l.start = append(l.start, uint32(len(l.feature)))
	}
	return l
}

// rows are drawn so that nodes are in doubt about them.
type rowDice struct {
	rules      rules
	thresholds [][]float64 // Of each feature.
	categories [][]uint32
}

func newRowDice(f *forest) *rowDice {
	r := &rowDice{rules: f.rules, thresholds: make([][]float64, len(f.features)), categories: make([][]uint32, len(f.features))}
	for i := range f.trees {
		t := &f.trees[i]
		for j := range t.nodes {
			n := &t.nodes[j]
			if !n.categorical {
				r.thresholds[n.feature] = append(r.thresholds[n.feature], n.threshold)
				continue
			}
			for _, w := range t.sets[n.set[0]:n.set[1]] {
				r.categories[n.feature] = append(r.categories[n.feature], w.index*32+uint32(bits.TrailingZeros32(w.bits)))
			}
		}
	}
	return r
}

// rows draws n rows.
func (r *rowDice) rows(d *rand.Rand, n int) []float64 {
	rows := make([]float64, 0, n*len(r.thresholds))
	for range n {
		everywhere := chance(d, 0.1)
		x := one(d, append(edges, nan...)...)
		for feature := range r.thresholds {
			if !everywhere {
				x = r.value(d, feature)
			}
			rows = append(rows, x)
		}
	}
	return rows
}

// value draws one value of a feature.
func (r *rowDice) value(d *rand.Rand, feature int) float64 {
	thresholds, categories := r.thresholds[feature], r.categories[feature]
	if len(categories) > 0 && chance(d, 0.5) {
		c := float64(one(d, categories...))
		return one(d, c, c, c, c+0.5, c+1, c-1, -c, c-0.5, math.Nextafter(c, 0), math.Nextafter(c, 1e18), c+1<<32)
	}
	switch {
	case len(thresholds) > 0 && chance(d, 0.5):
		x := one(d, thresholds...)
		return one(d, x, next(d, x), next(d, x), x+d.NormFloat64()/1e9)
	case chance(d, 0.3):
		return one(d, edges...)
	case chance(d, 0.2):
		return one(d, nan...)
	case chance(d, 0.1):
		return float64(one(d, categoryEdges...)) - one(d, 0, 0.5, 1)
	}
	return d.NormFloat64()
}

// nan are NaNs of different bits.
var nan = []float64{math.NaN(), math.Float64frombits(math.MaxUint64), math.Float64frombits(0x7ff0000000000001), -math.NaN()}
