package scoring

import "math"

// The linear functions in the leaves of LightGBM's linear trees (linear_tree=true), as Tree::ToString in
// src/io/tree.cpp writes them: is_linear, leaf_const and num_features with a value for each leaf, then
// leaf_features and leaf_coeff, all leaves' terms one after the other.

// readLinear reads the functions of a tree of so many leaves; nil where the tree is not linear.
func (r *lightgbmTreeReader) readLinear(leaves int) (*linearLeaves, error) {
	linear := 0
	if f, ok := r.fields["is_linear"]; ok {
		var err error
		if linear, err = f.integer(0, 1); err != nil {
			return nil, err
		}
	}
	if linear == 0 {
		for _, key := range []string{"leaf_const", "num_features", "leaf_features", "leaf_coeff"} {
			if f, ok := r.fields[key]; ok {
				return nil, f.failf("stands in a tree that is not linear")
			}
		}
		return nil, nil
	}
	l := &linearLeaves{}
	f, err := r.get("leaf_const")
	if err != nil {
		return nil, err
	}
	if l.constant, err = numbers(f, leaves, parseFinite); err != nil {
		return nil, err
	}
	if err := r.readTerms(l, leaves); err != nil {
		return nil, err
	}
	return l, nil
}

// readTerms reads which features each leaf's function adds, and with which coefficients.
func (r *lightgbmTreeReader) readTerms(l *linearLeaves, leaves int) error {
	f, err := r.get("num_features")
	if err != nil {
		return err
	}
	counts, err := numbers(f, leaves, parseInt32)
	if err != nil {
		return err
	}
	l.start = make([]uint32, 1, leaves+1)
	total := 0
	for i, n := range counts {
		if n < 0 || int(n) > math.MaxInt32-total {
			return f.failf("value %d is %d, which is no number of features", i, n)
		}
		total += int(n)
		l.start = append(l.start, uint32(total))
	}
	features, err := r.get("leaf_features")
	if err != nil {
		return err
	}
	if l.feature, err = numbers(features, total, parseInt32); err != nil {
		return err
	}
	for i, feature := range l.feature {
		if feature < 0 || int(feature) >= r.features {
			return features.failf("value %d is feature %d, the last feature is %d", i, feature, r.features-1)
		}
	}
	if f, err = r.get("leaf_coeff"); err != nil {
		return err
	}
	l.coefficient, err = numbers(f, total, parseFinite)
	return err
}
