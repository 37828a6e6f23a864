package scoring

import (
	"math"
	"sync"
)

// columns brings a row into the form in which leaves decides as LightGBM does. What differs, and is
// mended here:
//
//   - LightGBM's predictors take every |x| ≤ zeroThreshold for 0 before the trees see it
//     (RowPairFunctionFromDenseMatrix in src/c_api.cpp); leaves compares such an x as it is, and its
//     own test for zero ends a hair earlier. It matters where zero is missing or a threshold lies in
//     that band, which LightGBM likes to put there.
//   - LightGBM truncates a category to an int and sends NaN, negative ones and those beyond int32
//     right; leaves leans on what the processor makes of such a conversion. Codes are truncated here,
//     and what has none becomes -1.
//   - A feature may be numeric in one tree and categorical in another (training continued with other
//     settings): its categorical nodes then read a column of their own behind the features.
//
// Where a model needs none of this, rows go to leaves as they are.
type columns struct {
	features int
	width    int     // Columns in leaves' rows: the features and the extra ones.
	zeros    []int32 // Features whose tiny values become 0.
	codes    []code
	column   []int32 // For each feature, the column its categorical nodes read.
	pool     sync.Pool
}

// code says which feature's categories go to which column.
type code struct{ feature, column int32 }

// scratch is one row in leaves' form.
type scratch struct{ row []float64 }

func newColumns(f *forest) *columns {
	c := &columns{features: len(f.features), width: len(f.features), column: make([]int32, len(f.features))}
	numeric, categorical, tiny := make([]bool, c.features), make([]bool, c.features), make([]bool, c.features)
	for t := range f.trees {
		for i := range f.trees[t].nodes {
			n := &f.trees[t].nodes[i]
			if n.categorical {
				categorical[n.feature] = true
				continue
			}
			numeric[n.feature] = true
			// At the band's upper end 0 and a tiny value fall to the same side, so no mending is due.
			if n.missing == missingZero || (n.threshold >= -zeroThreshold && n.threshold < zeroThreshold) {
				tiny[n.feature] = true
			}
		}
	}
	for i := range c.features {
		feature := int32(i)
		if tiny[i] {
			c.zeros = append(c.zeros, feature)
		}
		if !categorical[i] {
			continue
		}
		c.column[i] = feature
		if numeric[i] {
			c.column[i] = int32(c.width)
			c.width++
		}
		c.codes = append(c.codes, code{feature: feature, column: c.column[i]})
	}
	c.pool.New = func() any { return &scratch{row: make([]float64, c.width)} }
	return c
}

// of is the column a node reads.
func (c *columns) of(n *node) int32 {
	if n.categorical {
		return c.column[n.feature]
	}
	return n.feature
}

// direct says that rows need no mending.
func (c *columns) direct() bool { return len(c.zeros) == 0 && len(c.codes) == 0 }

// take returns the row in leaves' form; the caller gives it back when it is done with it.
func (c *columns) take(row []float64) *scratch {
	s := c.pool.Get().(*scratch)
	copy(s.row, row)
	for _, f := range c.zeros {
		if math.Abs(row[f]) <= zeroThreshold {
			s.row[f] = 0
		}
	}
	for _, k := range c.codes {
		s.row[k.column] = categoryCode(row[k.feature])
	}
	return s
}

func (c *columns) give(s *scratch) { c.pool.Put(s) }

// categoryCode is the category of a value as LightGBM's CategoricalDecision sees it
// (include/LightGBM/tree.h), or -1 where the value belongs to none and goes right.
func categoryCode(x float64) float64 {
	if !(x > -1 && x < 1<<31) { // Written so that NaN is caught too.
		return -1
	}
	return math.Trunc(x)
}
