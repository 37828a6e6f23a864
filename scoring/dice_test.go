package scoring

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
)

// The random forests and rows on which engines are held against each other. What is drawn follows from a
// seed, and from bytes that decide the first draws, so that a fuzzer has something to hold on to.

// newDice draws from decisions first, two bytes a draw, then from the seed.
func newDice(seed uint64, decisions []byte) *rand.Rand {
	hash := fnv.New64a()
	hash.Write(decisions)
	return rand.New(&dice{decisions: decisions, rest: rand.NewPCG(seed, hash.Sum64())})
}

type dice struct {
	decisions []byte
	rest      *rand.PCG
}

func (d *dice) Uint64() uint64 {
	if len(d.decisions) < 2 {
		return d.rest.Uint64()
	}
	v := uint64(d.decisions[0])<<56 | uint64(d.decisions[1])<<48
	d.decisions = d.decisions[2:]
	return v
}

func one[T any](d *rand.Rand, of ...T) T { return of[d.IntN(len(of))] }

func chance(d *rand.Rand, share float64) bool { return d.Float64() < share }

// plan is what a random forest is made of.
type plan struct {
	rules                rules
	features, outputs    int
	trees, leaves        [2]int // From … to, of which a tree draws its own.
	categorical, shared  float64
	vector, linear, wild float64
	chain                float64
	missing              []missing
	thresholds           []float64 // A pool to draw from, beside others.
	categories           []uint32
}

// newPlan draws what each layout is made for, and what none is.
func newPlan(d *rand.Rand) plan {
	p := plan{
		rules:       one(d, lightgbmRules, xgboostRules),
		features:    1 + d.IntN(40),
		outputs:     one(d, 1, 1, 1, 2, 3, 5),
		categorical: one(d, 0, 0, 0.3, 1),
		vector:      one(d, 0, 0, 0, 0.5),
		linear:      one(d, 0, 0, 0, 0.5),
		wild:        one(d, 0, 0.02, 0.5),
		shared:      one(d, 0.1, 0.9),
		chain:       one(d, 0, 0.3, 1),
		missing:     one(d, []missing{missingNaN}, []missing{missingNone, missingZero, missingNaN}),
	}
	shape := func(treesFrom, treesTo, leavesFrom, leavesTo int) {
		p.trees, p.leaves = [2]int{treesFrom, treesTo}, [2]int{leavesFrom, leavesTo}
	}
	switch d.IntN(10) {
	case 0: // Masks, more of them than are worked out at once.
		shape(100, 400, 1, 8)
		p.features = 1 + d.IntN(8)
	case 1, 2: // Masks of 32 places.
		shape(1, 30, 1, 32)
		p.features = 1 + d.IntN(12)
	case 3: // Masks of 64 places.
		shape(1, 20, 1, 64)
		p.features = 1 + d.IntN(12)
	case 4: // Masks, on the edge of how many lines a row may pick.
		shape(20, 30, 20, 32)
		p.features = 28 + d.IntN(8)
	case 5, 6:
		shape(1, 12, 1, 250)
	case 7:
		shape(1, 3, 255, 1024)
	case 8: // Beyond row sets.
		shape(1, 3, 1, 1500)
	case 9: // Constant trees and next to nothing else.
		shape(1, 20, 1, 1+d.IntN(2))
	}
	if p.rules == xgboostRules {
		p.linear, p.missing = 0, []missing{missingNaN}
	}
	p.pool(d)
	return p
}

// edges are numbers at which something changes: LightGBM's zero band, float32's and float64's ends.
var edges = []float64{
	0, math.Copysign(0, -1), zeroThreshold, -zeroThreshold, math.Nextafter(zeroThreshold, 1), math.Nextafter(zeroThreshold, 0),
	math.Nextafter(-zeroThreshold, -1), math.Nextafter(-zeroThreshold, 0), 1e-35, -1e-35, 1e-36, -1e-36,
	math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32,
	1e-45, 7e-46, 1e-310, math.MaxFloat32, -math.MaxFloat32, 1e39, -1e39, math.MaxFloat64, -math.MaxFloat64,
	math.Inf(1), math.Inf(-1), 1, -1, 0.1, 16777216, 16777217,
}

// categoryEdges are categories at which something changes: a set's words, codebooks' tables, the libraries'
// largest.
var categoryEdges = []uint32{
	0, 1, 31, 32, 33, 63, 64, 65, 95, 96, directCodes - 1, directCodes, directCodes + 1, 1<<24 - 1, 1 << 24, 1<<31 - 1,
}

// pool draws the thresholds and categories that many nodes share.
func (p *plan) pool(d *rand.Rand) {
	for range 1 + d.IntN(12) {
		x := one(d, edges...)
		if chance(d, 0.5) {
			x = d.NormFloat64()
		}
		p.thresholds = append(p.thresholds, p.round(x), p.round(next(d, x)))
	}
	for range 1 + d.IntN(one(d, 4, 40, 400)) {
		switch d.IntN(3) {
		case 0:
			p.categories = append(p.categories, one(d, categoryEdges...))
		case 1:
			p.categories = append(p.categories, uint32(d.IntN(100)))
		case 2:
			p.categories = append(p.categories, uint32(d.IntN(40000)))
		}
	}
	if p.rules == xgboostRules {
		p.categories = slices.DeleteFunc(p.categories, func(c uint32) bool { return c >= 1<<24 })
	}
}

// round makes a number one that the plan's library writes.
func (p *plan) round(x float64) float64 {
	if p.rules == xgboostRules {
		return float64(float32(x))
	}
	return x
}

// next is a number beside x, in float64 or float32.
func next(d *rand.Rand, x float64) float64 {
	towards := one(d, math.Inf(1), math.Inf(-1))
	if chance(d, 0.5) {
		return float64(math.Nextafter32(float32(x), float32(towards)))
	}
	return math.Nextafter(x, towards)
}

// leafValue is a leaf's value, coefficient or base margin.
func (p *plan) leafValue(d *rand.Rand) float64 {
	if chance(d, p.wild) {
		return p.round(one(d, 0, math.Copysign(0, -1), 1e-300, 1e-40, 1e30, -1e30, 3e38, -3e38))
	}
	return p.round(d.NormFloat64())
}
