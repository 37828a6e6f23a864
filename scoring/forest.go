package scoring

import (
	"errors"
	"fmt"
)

// forest is what every reader produces and every engine starts from: trees, and how their sum
// becomes a score. A reader hands it over whole and valid; nobody changes it afterwards.
type forest struct {
	format    string   // What the file was, for people: "lightgbm v4".
	objective string   // The objective as the file states it; empty where it states none.
	features  []string // The inputs' names in their order; there is at least one.
	outputs   int      // Margins a row; tree i adds to margin i % outputs.
	average   bool     // The margins are divided by the trees per output before the link (random forests).
	link      link
	trees     []tree // At least one, and a multiple of outputs.
}

// tree is one decision tree. Node 0 is the root; a tree of a single leaf has no nodes.
type tree struct {
	nodes  []node
	leaves []float64
	bits   []uint32 // The category sets of all nodes, one after the other.
}

// node sends a row left or right. A child ≥ 0 is a node, a child < 0 the leaf ^child.
//
// A numeric node takes a missing value to its default side and sends anything else left when it is
// ≤ threshold. A categorical node sends left the categories whose bit is set in bits[set[0]:set[1]],
// and everything else, missing too, right.
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
	missingZero missing = 1 // |x| ≤ zeroThreshold, and NaN.
	missingNaN  missing = 2 // NaN.
)

// zeroThreshold is LightGBM's kZeroThreshold (include/LightGBM/meta.h): the float32 nearest to 1e-35,
// as a double, so a little more than 1e-35. LightGBM takes any |x| ≤ zeroThreshold for zero.
const zeroThreshold = float64(float32(1e-35))

// leafCount is the number of leaves of all trees together.
func (f *forest) leafCount() int {
	n := 0
	for i := range f.trees {
		n += len(f.trees[i].leaves)
	}
	return n
}

// walk proves that the tree is one: from the root, every node and every leaf is reached exactly once.
// Children and features must be in range already. seen is scratch that the caller reuses.
func (t *tree) walk(seen *reached) error {
	if len(t.nodes) == 0 {
		return nil
	}
	seen.reset(len(t.nodes), len(t.leaves))
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

// check holds what a reader must have established about the forest as a whole.
func (f *forest) check() error {
	switch {
	case len(f.trees) == 0:
		return errors.New("the model holds no trees")
	case f.outputs < 1 || len(f.trees)%f.outputs != 0:
		return fmt.Errorf("%d trees cannot be shared out to %d outputs", len(f.trees), f.outputs)
	case len(f.features) == 0:
		return errors.New("the model has no features")
	}
	return nil
}
