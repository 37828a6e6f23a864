package scoring

import (
	"math"
	"slices"
)

// rules are the arithmetic of the library that trained a model: what its trees see of a row, and how it
// adds leaves up. Every evaluator follows them to the bit.
type rules uint8

const (
	// lightgbmRules: rows and sums are float64. Before the trees see it, every |x| ≤ zeroThreshold is 0
	// (RowPairFunctionFromDenseMatrix in src/c_api.cpp); a category is truncated towards zero, and NaN,
	// negative ones and those beyond int32 are none (CategoricalDecision in include/LightGBM/tree.h).
	lightgbmRules rules = iota
	// xgboostRules: rows and sums are float32, rounded after every addition, and the sum starts at the
	// base margin (src/predictor/cpu_predictor.cc). Categories are 0 to 2²⁴-1, truncated
	// (src/common/categorical.h, InvalidCat and AsCat).
	xgboostRules
)

// zeroThreshold is LightGBM's kZeroThreshold (include/LightGBM/meta.h): the float32 nearest to 1e-35,
// as a double, so a little more than 1e-35. LightGBM takes any |x| ≤ zeroThreshold for zero.
const zeroThreshold = float64(float32(1e-35))

// value is what a numeric node compares with its threshold.
func (r rules) value(x float64) float64 {
	if r == xgboostRules {
		return float64(float32(x))
	}
	if math.Abs(x) <= zeroThreshold {
		return 0
	}
	return x
}

// category is the category that a value stands for; ok is false where it stands for none.
func (r rules) category(x float64) (category uint32, ok bool) {
	if r == xgboostRules {
		x = float64(float32(x))
		ok = x >= 0 && x < 1<<24
	} else {
		ok = x > -1 && x < 1<<31
	}
	if !ok { // NaN among others.
		return 0, false
	}
	return uint32(int64(x)), true
}

// add adds a leaf to a sum. In float32, adding in float64 and rounding gives the same bits: 53 bits are
// more than twice 24 and two.
func (r rules) add(sum, leaf float64) float64 {
	sum += leaf
	if r == xgboostRules {
		sum = float64(float32(sum))
	}
	return sum
}

// setWord is a stretch of a category set: bit b of bits stands for the category 32·index + b. A set is
// its words in the order of index, without empty ones, so that a set of a few large categories is small.
type setWord struct{ index, bits uint32 }

// member says whether a set holds a category.
func member(set []setWord, category uint32) bool {
	i, ok := slices.BinarySearchFunc(set, category/32, func(w setWord, index uint32) int {
		return int(int64(w.index) - int64(index))
	})
	return ok && set[i].bits>>(category%32)&1 != 0
}
