package scoring

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

const (
	// probeRows is how many rows the referee compares at most.
	probeRows = 16 * blockRows
	// probeCost is how many nodes the naive evaluator visits, and how much it adds, before the referee is content.
	probeCost = 4 << 20
	// probeValues is how many values a block of probes holds, if it holds more than a row: 1 MiB.
	probeValues = 1 << 17
)

// probes make rows where evaluators could differ. Every second one is aimed at a node, each in its turn: where
// it finds a way, it comes to the node with a value just at the threshold, one unit in the last place above
// it, or missing; with a category of the node's set, or one beside it. The first of the others are made of
// one awkward value each. The rest of an aimed row, and all further ones, have thresholds and their
// neighbours, missing and awkward values, and categories that the model names. Rows are the same for the
// same forest.
type probes struct {
	forest *forest
	values [][]float64 // For each feature what its nodes compare with, and their neighbours.
	rng    *rand.Rand
	turn   int // How many rows were aimed.
	nodes  int // The nodes of all trees.

	// Scratch: the way from the root to the node aimed at, and what it asks of each feature's value.
	parent, path []int32
	low, high    []float64
}

// awkwardValues are what whole rows are made of, and what every feature is probed with.
var awkwardValues = []float64{
	math.NaN(), 0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1),
	1e-36, -1e-36, zeroThreshold, -zeroThreshold, math.Nextafter(zeroThreshold, 1), math.Nextafter(-zeroThreshold, -1),
	5e-324, 1e30, -1e30, math.MaxFloat64, 1, -1, -0.3, 0.999999, 2.5, 33.7, 1<<24 - 1, 1 << 24, 1<<31 - 1, 1 << 31, 1 << 32,
}

func newProbes(f *forest, b *bins) *probes {
	p := &probes{forest: f, values: make([][]float64, len(f.features)), rng: rand.New(rand.NewPCG(1, 2))}
	for i := range f.trees {
		p.nodes += len(f.trees[i].nodes)
	}
	for _, c := range b.cuts {
		start := p.rng.IntN(len(c.values))
		for i := range min(len(c.values), probeRows) {
			cut := c.values[(start+i)%len(c.values)]
			p.values[c.feature] = append(p.values[c.feature], cut, f.rules.above(cut), -f.rules.above(-cut))
		}
	}
	for i := range b.codes {
		book := &b.codes[i]
		for k := range min(len(book.categories), probeRows) {
			c := float64(book.categories[k])
			p.values[book.feature] = append(p.values[book.feature], c, c+1, c+0.5)
		}
	}
	return p
}

// above is the next value above x that a node can tell from it.
func (r rules) above(x float64) float64 {
	if r == xgboostRules {
		return float64(math.Nextafter32(float32(x), float32(math.Inf(1))))
	}
	return math.Nextafter(x, math.Inf(1))
}

// row writes probe number i, and returns what that costs, in visits of nodes.
func (p *probes) row(row []float64, i int) int {
	if i%2 == 1 && i/2 < len(awkwardValues) {
		for k := range row {
			row[k] = awkwardValues[i/2]
		}
		return len(row)
	}
	for k := range row {
		switch values, dice := p.values[k], p.rng.IntN(12); {
		case len(values) == 0:
			row[k] = 1 // No numeric node reads it, and no categorical one whose categories have codes.
		case dice == 0:
			row[k] = awkwardValues[p.rng.IntN(len(awkwardValues))]
		case dice == 1:
			row[k] = math.NaN()
		default:
			row[k] = values[p.rng.IntN(len(values))]
		}
	}
	if i%2 == 0 && p.nodes > 0 {
		return len(row) + p.aim(row)
	}
	return len(row)
}

// aim changes a row so that it comes to the node whose turn it is: three rows a node, for its two sides and
// its missing value. It returns what that costs.
func (p *probes) aim(row []float64) int {
	// Large steps take in trees near the end early. (This one is a prime.)
	at := int(uint64(p.turn/3) * 2_654_435_761 % uint64(p.nodes))
	tree := 0
	for at >= len(p.forest.trees[tree].nodes) {
		at -= len(p.forest.trees[tree].nodes)
		tree++
	}
	t := &p.forest.trees[tree]
	p.find(t, int32(at))
	p.low, p.high = p.low[:0], p.high[:0]
	for range row {
		p.low, p.high = append(p.low, math.Inf(-1)), append(p.high, math.Inf(1))
	}
	for i, step := range p.path[:len(p.path)-1] {
		p.follow(row, t, &t.nodes[step], t.nodes[step].left == p.path[i+1])
	}
	n := &t.nodes[at]
	switch p.turn % 3 {
	case 0:
		row[n.feature] = p.edge(t, n, true)
	case 1:
		row[n.feature] = p.edge(t, n, false)
	case 2:
		row[n.feature] = math.NaN()
	}
	p.turn++
	return len(row) + len(t.nodes)
}

// edge is a value that a node just sends left, or just right.
func (p *probes) edge(t *tree, n *node, left bool) float64 {
	set := t.sets[n.set[0]:n.set[1]]
	switch {
	case !n.categorical && left:
		return n.threshold
	case !n.categorical:
		return p.forest.rules.above(n.threshold)
	case len(set) == 0:
		return -1
	}
	// The bits that stand for the side asked for, in a word that has some: full words have none for the right.
	start := p.rng.IntN(len(set))
	for i := range set {
		w := set[(start+i)%len(set)]
		if !left {
			w.bits = ^w.bits
		}
		if w.bits != 0 {
			return float64(w.index*32 + uint32(bits.TrailingZeros32(w.bits)))
		}
	}
	return -1
}

// follow changes the value that a node decides by so that the row goes to the side asked for, if what the
// nodes before it asked for allows that.
func (p *probes) follow(row []float64, t *tree, n *node, left bool) {
	x := &row[n.feature]
	if n.categorical {
		if n.goesLeft(t.sets, p.forest.rules, *x) != left {
			*x = p.edge(t, n, left)
		}
		return
	}
	low, high := &p.low[n.feature], &p.high[n.feature]
	if left {
		*high = min(*high, n.threshold)
	} else {
		*low = max(*low, n.threshold)
	}
	if n.goesLeft(t.sets, p.forest.rules, *x) == left && *x > *low && *x <= *high {
		return
	}
	// Values go left up to a threshold: the highest that is left, or the lowest where there is none.
	if *x = *high; math.IsInf(*high, 1) {
		*x = p.forest.rules.above(*low)
	}
}

// find writes the path from a tree's root to a node.
func (p *probes) find(t *tree, node int32) {
	p.parent = slices.Grow(p.parent[:0], len(t.nodes))[:len(t.nodes)]
	for i := range t.nodes {
		for _, child := range [2]int32{t.nodes[i].left, t.nodes[i].right} {
			if child >= 0 {
				p.parent[child] = int32(i)
			}
		}
	}
	p.path = append(p.path[:0], node)
	for node != 0 {
		node = p.parent[node]
		p.path = append(p.path, node)
	}
	slices.Reverse(p.path)
}
