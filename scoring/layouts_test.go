package scoring

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

// The limits of the layouts: what is just within them they hold, what is beyond they refuse, and another
// engine serves it.

// TestCodesBeyondColumns has a feature with as many categories as 16 bits number, and one more.
func TestCodesBeyondColumns(t *testing.T) {
	for _, c := range []struct {
		categories int
		held       bool
	}{{math.MaxUint16 - 2, true}, {math.MaxUint16 - 1, false}} {
		tree := tree{leaves: []float64{1, 2, 3}, sets: setOf(0, c.categories)}
		tree.nodes = []node{
			{categorical: true, missing: missingNaN, set: [2]uint32{0, uint32(len(tree.sets))}, left: 1, right: ^0},
			{categorical: true, missing: missingNaN, set: [2]uint32{uint32(len(tree.sets)), uint32(len(tree.sets) + 1)}, defaultLeft: true, left: ^1, right: ^2},
		}
		tree.sets = append(tree.sets, setWord{index: uint32(c.categories-1) / 32, bits: 1 << ((c.categories - 1) % 32)})
		f := newForestOf(1, tree)
		rows := []float64{-1, 0, 1, float64(c.categories) - 2, float64(c.categories) - 1, float64(c.categories), math.NaN()}
		agreeOnRows(t, f, rows)
		if held := newColumns(f, newBins(f)) != nil; held != c.held {
			t.Errorf("columns hold %d categories: %v", c.categories, held)
		}
	}
}

// setOf is the set of the categories from … to.
func setOf(from, to int) []setWord {
	var set []setWord
	for i := from; i < to; i++ {
		if n := len(set); n == 0 || set[n-1].index != uint32(i/32) {
			set = append(set, setWord{index: uint32(i / 32)})
		}
		set[len(set)-1].bits |= 1 << (i % 32)
	}
	return set
}

// newForestOf is a forest of LightGBM's with one output.
func newForestOf(features int, trees ...tree) *forest {
	f := &forest{outputs: 1, trees: trees}
	for i := range features {
		f.features = append(f.features, fmt.Sprintf("f%d", i))
	}
	return f
}

// TestColumnsBeyondTheirNumber has as many features as columns may be, and one more.
func TestColumnsBeyondTheirNumber(t *testing.T) {
	for _, features := range []int{maxColumns, maxColumns + 1} {
		tree := tree{leaves: make([]float64, features+1)}
		for i := range features {
			next := int32(i + 1)
			if i == features-1 {
				next = int32(^features)
			}
			tree.nodes = append(tree.nodes, node{feature: int32(i), threshold: 1, left: next, right: int32(^i)})
			tree.leaves[i] = float64(i)
		}
		f := newForestOf(features, tree)
		rows := make([]float64, 3*features)
		rows[features/2], rows[2*features-1] = 2, 2
		agreeOnRows(t, f, rows)
		if held := newColumns(f, newBins(f)) != nil; held != (features <= maxColumns) {
			t.Errorf("columns hold %d features: %v", features, held)
		}
	}
}

// TestSetsBeyondTheirSpace has sets that are small on their own, and wide because there are many categories.
func TestSetsBeyondTheirSpace(t *testing.T) {
	const categories, leaves = 60000, 1000
	f := newForestOf(1)
	for k := range 5 {
		tree := tree{leaves: make([]float64, leaves)}
		for i := range leaves - 1 {
			category := (k*leaves + i) * categories / (5 * leaves)
			next := int32(i + 1)
			if i == leaves-2 {
				next = ^(leaves - 1)
			}
			tree.nodes = append(tree.nodes, node{
				categorical: true, missing: missingNaN, set: [2]uint32{uint32(i), uint32(i + 1)}, left: int32(^i), right: next,
			})
			tree.sets = append(tree.sets, setWord{index: uint32(category / 32), bits: 1 << (category % 32)})
			tree.leaves[i] = float64(i)
		}
		if k == 0 { // The others' categories are all there, in one set.
			tree.nodes[0].set[0], tree.nodes[0].set[1] = uint32(len(tree.sets)), uint32(len(tree.sets)+categories/32)
			tree.sets = append(tree.sets, setOf(0, categories)...)
		}
		f.trees = append(f.trees, tree)
	}
	b := newBins(f)
	c := newColumns(f, b)
	if newRanks(f, c) != nil || newRowSets(f, c) != nil {
		t.Error("ranks or row sets hold it")
	}
	if _, err := newLeavesEngine(f, b); !errors.Is(err, errBeyondLeaves) {
		t.Errorf("leaves: %v", err)
	}
	agreeOnRows(t, f, []float64{0, 11, 12, 13, categories - 12, categories, math.NaN(), -1})
}

// TestZerosThatAreMissing has a node far from 0 for which zeros are missing: leaves' own band of zeros ends a hair
// before LightGBM's, so that its rows may not be the model's.
func TestZerosThatAreMissing(t *testing.T) {
	f := newForestOf(1, tree{
		nodes:  []node{{threshold: 5, missing: missingZero, left: ^0, right: ^1}},
		leaves: []float64{1, 2},
	})
	agreeOnRows(t, f, []float64{zeroThreshold, -zeroThreshold, 1e-35, -1e-35, math.Nextafter(zeroThreshold, 1), math.Nextafter(-zeroThreshold, -1), 0, 4, 6})
}
