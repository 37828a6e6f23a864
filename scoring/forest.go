package scoring

import (
	"errors"
	"fmt"
	"slices"
)

// forest is what every reader produces and every engine starts from: trees, how they are added up, and
// how the sum becomes a score. A reader hands it over whole and valid; nobody changes it afterwards.
type forest struct {
	format    string   // What the file was, for people: "lightgbm v4".
	objective string   // The objective as the file states it; empty where it states none.
	features  []string // The inputs' names in their order; there is at least one.
	outputs   int      // Margins a row.
	rules     rules    // Whose arithmetic rows and sums follow.
	base      []float64
	average   bool // The margins are divided by the trees per output before the link (random forests).
	link      link
	trees     []tree
	weights   *weights // Instead of trees, in a linear model.
}

// tree is one decision tree. Node 0 is the root; a tree of a single leaf has no nodes.
type tree struct {
	nodes  []node
	leaves []float64     // One value a leaf, or one for each output where the leaves are vectors.
	sets   []setWord     // The category sets of all nodes, one after the other.
	linear *linearLeaves // What the leaves add where the tree is linear, else nil.
	output int32         // The margin the tree adds to.
	vector bool          // The tree adds to all margins: leaf i holds leaves[i×outputs:(i+1)×outputs].
}

// node sends a row left or right. A child ≥ 0 is a node, a child < 0 the leaf ^child.
//
// A numeric node takes a missing value to its default side and sends anything else left when it is
// ≤ threshold. A categorical node takes NaN to its default side, sends left the categories of
// sets[set[0]:set[1]], and every other value right. Values and categories are what the forest's rules
// make of a row.
type node struct {
	threshold   float64
	left, right int32
	feature     int32
	set         [2]uint32
	missing     missing
	defaultLeft bool
	categorical bool
}

// missing says which values of a numeric feature a node takes for missing. The numbers are LightGBM's
// (include/LightGBM/bin.h, enum MissingType).
type missing uint8

const (
	missingNone missing = 0 // None is; NaN counts as 0.
	missingZero missing = 1 // Zero, and NaN.
	missingNaN  missing = 2 // NaN.
)

// linearLeaves are the linear functions in the leaves of a LightGBM linear tree: leaf i is worth
// constant[i] + Σ coefficient × feature over its terms start[i]:start[i+1], added in that order; where
// one of those features is NaN, it is worth the tree's plain leaf value.
type linearLeaves struct {
	constant    []float64
	start       []uint32
	feature     []int32
	coefficient []float64
}

// leafCount is the number of leaves of all trees together.
func (f *forest) leafCount() int {
	n := 0
	for i := range f.trees {
		n += f.trees[i].leafCount()
	}
	return n
}

// leafCount is the number of a tree's leaves, of which there is one more than nodes.
func (t *tree) leafCount() int { return len(t.nodes) + 1 }

// root is where a row begins: node 0, or leaf 0 of a tree without nodes.
func (t *tree) root() int32 {
	if len(t.nodes) == 0 {
		return ^0
	}
	return 0
}

// scalar says that every leaf is worth one number, whatever the row.
func (f *forest) scalar() bool {
	return !slices.ContainsFunc(f.trees, func(t tree) bool { return t.vector || t.linear != nil })
}

// setWords is how many words of category sets an engine may hold for a forest: a multiple of what its file
// holds. LightGBM's text spells a set out from category 0 to its last; XGBoost names the categories, however
// large, so that only their number counts.
func (f *forest) setWords() int {
	const widest = 1 << 10
	words := 1 << 15
	for i := range f.trees {
		t := &f.trees[i]
		words += 16 * len(t.nodes)
		if f.rules == xgboostRules {
			words += 4 * len(t.sets)
			continue
		}
		for j := range t.nodes {
			if n := &t.nodes[j]; n.categorical && n.set[1] > n.set[0] {
				words += min(int(t.sets[n.set[1]-1].index)+1, widest)
			}
		}
	}
	return words
}

// check holds what a reader must have established about the forest as a whole.
func (f *forest) check() error {
	switch {
	case len(f.features) == 0:
		return errors.New("the model has no features")
	case f.outputs < 1 || f.base != nil && len(f.base) != f.outputs:
		return fmt.Errorf("the model has %d outputs and %d base margins", f.outputs, len(f.base))
	case f.average && (len(f.trees) == 0 || len(f.trees)%f.outputs != 0):
		return fmt.Errorf("%d trees cannot be shared out to %d outputs", len(f.trees), f.outputs)
	}
	return nil
}

// walk proves that the tree is one: from the root, every node and every leaf is reached exactly once.
// Children and features must be in range already. seen is scratch that the caller reuses.
func (t *tree) walk(seen *reached) error {
	if len(t.nodes) == 0 {
		return nil
	}
	seen.reset(len(t.nodes), t.leafCount())
	seen.nodes[0] = true
	seen.pending = append(seen.pending, 0)
	for len(seen.pending) > 0 {
		last := len(seen.pending) - 1
		n := seen.pending[last]
		seen.pending = seen.pending[:last]
		for _, child := range [2]int32{t.nodes[n].left, t.nodes[n].right} {
			if err := seen.visit(n, child); err != nil {
				return err
			}
		}
	}
	// n nodes have 2n child slots and n+1 leaves. No slot leads where another one does, so once all
	// nodes are reached, so are all leaves.
	for n, ok := range seen.nodes {
		if !ok {
			return fmt.Errorf("node %d is never reached from the root", n)
		}
	}
	return nil
}

// reached is the scratch of walk.
type reached struct {
	nodes, leaves []bool
	pending       []int32
}

func (r *reached) reset(nodes, leaves int) {
	r.nodes = cleared(r.nodes, nodes)
	r.leaves = cleared(r.leaves, leaves)
	r.pending = r.pending[:0]
}

func cleared(s []bool, n int) []bool {
	if cap(s) < n {
		return make([]bool, n)
	}
	s = s[:n]
	clear(s)
	return s
}

func (r *reached) visit(from, child int32) error {
	if child < 0 {
		if r.leaves[^child] {
			return fmt.Errorf("leaf %d is reached twice, the second time from node %d", ^child, from)
		}
		r.leaves[^child] = true
		return nil
	}
	if r.nodes[child] {
		return fmt.Errorf("node %d is reached twice, the second time from node %d: the tree has a cycle or a knot", child, from)
	}
	r.nodes[child] = true
	r.pending = append(r.pending, child)
	return nil
}
