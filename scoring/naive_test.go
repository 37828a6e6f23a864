package scoring

import "math"

// naive evaluates a forest straight from its definition, one comparison after the other, as the
// second opinion on the engine. It follows include/LightGBM/tree.h (NumericalDecision,
// CategoricalDecision) and, for tiny values, the predictors of src/c_api.cpp.
func naive(f *forest, row []float64) []float64 {
	sums := make([]float64, f.outputs)
	for i := range f.trees {
		sums[i%f.outputs] += naiveTree(&f.trees[i], row)
	}
	return sums
}

func naiveTree(t *tree, row []float64) float64 {
	if len(t.nodes) == 0 {
		return t.leaves[0]
	}
	at := int32(0)
	for at >= 0 {
		n := &t.nodes[at]
		x := row[n.feature]
		if math.Abs(x) <= zeroThreshold {
			x = 0
		}
		at = n.right
		if n.categorical && naiveMember(t.bits[n.set[0]:n.set[1]], x) || !n.categorical && naiveLeft(n, x) {
			at = n.left
		}
	}
	return t.leaves[^at]
}

func naiveLeft(n *node, x float64) bool {
	if math.IsNaN(x) {
		if n.missing == missingNaN {
			return n.defaultLeft
		}
		x = 0
	}
	if n.missing == missingZero && x == 0 {
		return n.defaultLeft
	}
	return x <= n.threshold
}

func naiveMember(set []uint32, x float64) bool {
	if math.IsNaN(x) || x <= -1 || x >= 1<<31 {
		return false
	}
	c := int64(x)
	return c/32 < int64(len(set)) && set[c/32]>>(c%32)&1 != 0
}
