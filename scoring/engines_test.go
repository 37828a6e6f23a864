package scoring

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// enginesOf builds every layout that holds a forest, whether or not Open would choose it.
func enginesOf(t testing.TB, f *forest) []engine {
	t.Helper()
	b := newBins(f)
	engines := []engine{naiveEngine{forest: f}, newCompiled(f, b)}
	if f.weights == nil {
		if e := newMasks(f, b); e != nil {
			engines = append(engines, e)
		}
		if c := newColumns(f, b); c != nil {
			if e := newRanks(f, c); e != nil {
				engines = append(engines, e)
			}
			if e := newRowSets(f, c); e != nil {
				engines = append(engines, e)
			}
		}
	}
	e, err := newLeavesEngine(f, b)
	switch {
	case err == nil:
		engines = append(engines, e)
	case !errors.Is(err, errBeyondLeaves):
		t.Fatal(err)
	}
	return engines
}

// agreeOnRows holds every engine of a forest against its definition: margins of all rows together and of
// each alone, and exits.
func agreeOnRows(t testing.TB, f *forest, rows []float64) []engine {
	t.Helper()
	in, out := len(f.features), f.outputs
	n := len(rows) / in
	want, exits := make([]float64, n*out), make([][]int32, n)
	for r := range n {
		exits[r] = make([]int32, len(f.trees))
		f.margins(want[r*out:(r+1)*out], exits[r], rows[r*in:(r+1)*in])
	}
	engines := enginesOf(t, f)
	for _, e := range engines {
		got, single, leaves := make([]float64, n*out), make([]float64, out), make([]int32, len(f.trees))
		if err := e.margins(got, rows); err != nil {
			t.Fatalf("%s: %v", e.layout(), err)
		}
		for r := range n {
			row := rows[r*in : (r+1)*in]
			if err := errors.Join(e.margins(single, row), e.exits(leaves, row)); err != nil {
				t.Fatalf("%s: %v", e.layout(), err)
			}
			for i, leaf := range exits[r] {
				if leaves[i] != leaf {
					t.Fatalf("%s: row %d ends in leaf %d of tree %d, want %d; row %v", e.layout(), r, leaves[i], i, leaf, row)
				}
			}
			for k := range out {
				if w := want[r*out+k]; !same(got[r*out+k], w) || !same(single[k], w) {
					t.Fatalf("%s: margin %d of row %d is %v in a batch of %d, %v alone, want %v; row %v",
						e.layout(), k, r, got[r*out+k], n, single[k], w, row)
				}
			}
		}
	}
	return engines
}

// agreeOn draws a forest and rows, and returns the engines that agreed on them.
func agreeOn(t testing.TB, d *rand.Rand, p plan) []engine {
	t.Helper()
	f := p.newForest(t, d)
	return agreeOnRows(t, f, newRowDice(f).rows(d, one(d, 1, 2, 24, 63, 64, 65, 100, 129)))
}

// TestEnginesAgree holds the engines against each other on random forests, and that each layout had its turn.
func TestEnginesAgree(t *testing.T) {
	turns := map[string]int{}
	for seed := range uint64(300) {
		d := newDice(seed, nil)
		engines := agreeOn(t, d, newPlan(d))
		turns["chosen: "+engines[1].layout()]++
		for _, e := range engines {
			for _, trait := range traits(e) {
				turns[trait]++
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, trait := range []string{
		"masks of 32", "masks of 64", "masks, plain", "masks, not plain", "masks in stretches", "masks of categories",
		"ranks", "ranks with categories", "row sets", "row sets with categories", "no columns",
		"chosen: masks", "chosen: masks, row sets", "chosen: ranks, row sets", "chosen: ranks",
		"leaves", "leaves, rows as they are", "leaves with categories",
		"lightgbm", "xgboost", "vectors", "linear", "outputs",
	} {
		if turns[trait] < 5 {
			t.Errorf("%q had %d turns of 300", trait, turns[trait])
		}
	}
}

// traits names what an engine and its forest were a trial of.
func traits(e engine) []string {
	switch e := e.(type) {
	case *masks:
		return []string{
			fmt.Sprint("masks of ", e.leaves), named(e.plain, "masks, plain", "masks, not plain"),
			named(e.words > maskStretch, "masks in stretches", ""), named(len(e.books) > 0, "masks of categories", ""),
		}
	case *ranks:
		return []string{
			"ranks", named(e.sets != nil, "ranks with categories", ""), named(len(e.columns.columns) == 0, "no columns", ""),
		}
	case *rowSets:
		return []string{"row sets", named(len(e.cats) > 0, "row sets with categories", "")}
	case *leavesEngine:
		return []string{"leaves", named(e.columns.direct, "leaves, rows as they are", ""), named(len(e.columns.books) > 0, "leaves with categories", "")}
	case naiveEngine:
		linear, vectors := false, false
		for i := range e.forest.trees {
			linear = linear || e.forest.trees[i].linear != nil
			vectors = vectors || e.forest.trees[i].vector
		}
		return []string{
			named(e.forest.rules == xgboostRules, "xgboost", "lightgbm"), named(linear, "linear", ""),
			named(vectors, "vectors", ""), named(e.forest.outputs > 1, "outputs", ""),
		}
	}
	return nil
}

func named(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// FuzzEngines holds the engines against each other on forests and rows that the input decides.
func FuzzEngines(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, []byte{byte(seed * 12), byte(seed * 77), byte(seed * 3)})
	}
	f.Fuzz(func(t *testing.T, seed uint64, decisions []byte) {
		d := newDice(seed, decisions)
		p := newPlan(d)
		p.trees[1], p.leaves[1] = min(p.trees[1], 140), min(p.leaves[1], 300) // More of them in the same time.
		agreeOn(t, d, p)
	})
}

// TestNegativeZeros has sums that stay -0, which a 0 added on the way would change, where trees fill up words,
// lanes and groups and where they do not.
func TestNegativeZeros(t *testing.T) {
	zero := math.Copysign(0, -1)
	for trees := 1; trees <= 17; trees++ {
		f := &forest{features: []string{"a"}, outputs: 1, rules: xgboostRules, base: []float64{zero}}
		for range trees {
			f.trees = append(f.trees, tree{nodes: []node{{left: ^0, right: ^1, missing: missingNaN}}, leaves: []float64{zero, zero}})
		}
		agreeOnRows(t, f, []float64{0, 1, math.NaN()})
	}
}

// TestManyCuts has a feature with more cuts than ranks have numbers, in one tree and spread over many.
func TestManyCuts(t *testing.T) {
	for _, cuts := range []int{maxCuts, maxCuts + 1, 2*maxCuts + 1} {
		for _, trees := range []int{1, 150} {
			t.Run(fmt.Sprintf("%d cuts in %d trees", cuts, trees), func(t *testing.T) {
				f := &forest{features: []string{"a"}, outputs: 1}
				for i := range trees {
					from, to := cuts*i/trees, cuts*(i+1)/trees
					nodes := make([]node, 0, to-from)
					halve(&nodes, from, to, from)
					tree := tree{nodes: nodes}
					for k := range to - from + 1 {
						tree.leaves = append(tree.leaves, float64(k))
					}
					f.trees = append(f.trees, tree)
				}
				rows := []float64{math.NaN(), 0, math.Inf(1), math.Inf(-1)}
				for _, at := range []int{0, 1, maxCuts - 1, maxCuts, maxCuts + 1, 2 * maxCuts, cuts - 1, cuts, cuts / 2} {
					rows = append(rows, cutAt(at), math.Nextafter(cutAt(at), 1e9), math.Nextafter(cutAt(at), -1e9))
				}
				for _, e := range agreeOnRows(t, f, rows) {
					if e, ok := e.(*ranks); ok && len(e.columns.bins.cuts) != (cuts+maxCuts-1)/maxCuts {
						t.Errorf("%d stretches of cuts", len(e.columns.bins.cuts))
					}
				}
			})
		}
	}
}

// cutAt is the cuts' number i; 0 is among them.
func cutAt(i int) float64 { return float64(i - 1000) }

// halve appends the nodes that sort a number among the cuts from … to, and returns the first; the leaves are
// numbered from base on. Nodes differ in what is missing.
func halve(nodes *[]node, from, to, base int) int32 {
	if from == to {
		return int32(^(from - base))
	}
	at, mid := len(*nodes), (from+to)/2
	*nodes = append(*nodes, node{threshold: cutAt(mid), missing: missing(mid % 3), defaultLeft: mid%5 == 0})
	left := halve(nodes, from, mid, base)
	right := halve(nodes, mid+1, to, base)
	(*nodes)[at].left, (*nodes)[at].right = left, right
	return int32(at)
}
