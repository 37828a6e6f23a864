package scoring

import "math"

// The naive evaluator: a forest straight from its definition, one comparison after the other. It is the
// second opinion on every engine, and serves what no other engine holds. It follows
// include/LightGBM/tree.h (NumericalDecision, CategoricalDecision, Predict of linear trees) and XGBoost's
// src/predictor/predict_fn.h (GetNextNode).

// naiveEngine evaluates with the naive evaluator.
type naiveEngine struct{ forest *forest }

func (e naiveEngine) layout() string { return EngineNaive }

func (e naiveEngine) margins(dst, rows []float64) error {
	in, out := len(e.forest.features), e.forest.outputs
	for ; len(rows) > 0; rows, dst = rows[in:], dst[out:] {
		e.forest.margins(dst[:out:out], nil, rows[:in:in])
	}
	return nil
}

func (e naiveEngine) exits(dst []int32, row []float64) error {
	for i := range e.forest.trees {
		dst[i], _ = e.forest.trees[i].exit(e.forest.rules, row)
	}
	return nil
}

// margins writes the margins of one row, and the leaves in which it ends to exits, one a tree, unless that
// is nil. It returns what that cost: the nodes that the row visited, and the additions.
func (f *forest) margins(dst []float64, exits []int32, row []float64) (cost int) {
	f.begin(dst)
	if f.weights != nil {
		f.weights.add(dst, row)
		cost += len(f.weights.coefficient)
	}
	for i := range f.trees {
		t := &f.trees[i]
		leaf, visited := t.exit(f.rules, row)
		f.add(dst, t, leaf, row)
		switch cost += visited + 1; {
		case t.vector:
			cost += f.outputs
		case t.linear != nil:
			cost += int(t.linear.start[leaf+1] - t.linear.start[leaf])
		}
		if exits != nil {
			exits[i] = leaf
		}
	}
	return cost
}

// begin writes what a row's sums start with.
func (f *forest) begin(dst []float64) {
	if f.base == nil {
		clear(dst)
		return
	}
	copy(dst, f.base)
}

// add adds what a leaf is worth to a row's margins.
func (f *forest) add(dst []float64, t *tree, leaf int32, row []float64) {
	switch {
	case t.vector:
		values := t.leaves[int(leaf)*f.outputs:]
		for k := range dst {
			dst[k] = f.rules.add(dst[k], values[k])
		}
	case t.linear != nil:
		dst[t.output] = f.rules.add(dst[t.output], t.linear.value(leaf, t.leaves[leaf], f.rules, row))
	default:
		dst[t.output] = f.rules.add(dst[t.output], t.leaves[leaf])
	}
}

// exit is the leaf in which a row ends, and how many nodes it visits before.
func (t *tree) exit(r rules, row []float64) (leaf int32, visits int) {
	at := t.root()
	for ; at >= 0; visits++ {
		n := &t.nodes[at]
		if n.goesLeft(t.sets, r, row[n.feature]) {
			at = n.left
		} else {
			at = n.right
		}
	}
	return ^at, visits
}

// goesLeft is the node's decision about one value of its feature.
func (n *node) goesLeft(sets []setWord, r rules, x float64) bool {
	if n.categorical {
		if math.IsNaN(x) {
			return n.defaultLeft
		}
		category, ok := r.category(x)
		return ok && member(sets[n.set[0]:n.set[1]], category)
	}
	x = r.value(x)
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

// value is what leaf is worth for a row; plain is its value where a feature is NaN.
func (l *linearLeaves) value(leaf int32, plain float64, r rules, row []float64) float64 {
	sum := l.constant[leaf]
	for i := l.start[leaf]; i < l.start[leaf+1]; i++ {
		x := r.value(row[l.feature[i]])
		if math.IsNaN(x) {
			return plain
		}
		sum += float64(l.coefficient[i] * x) // Rounded before it is added, on every processor.
	}
	return sum
}
