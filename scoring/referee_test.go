package scoring

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// liar is an engine that is wrong somewhere.
type liar struct {
	engine
	margin func(margins, rows []float64)
	exit   func(exits []int32)
}

func (l liar) margins(dst, rows []float64) error {
	err := l.engine.margins(dst, rows)
	if l.margin != nil {
		l.margin(dst, rows)
	}
	return err
}

func (l liar) exits(dst []int32, row []float64) error {
	err := l.engine.exits(dst, row)
	if l.exit != nil {
		l.exit(dst)
	}
	return err
}

// judge has the referee compare evaluators of a forest.
func judge(t testing.TB, f *forest, e engine, second *forest) error {
	t.Helper()
	b := newBins(f)
	leaves, err := newLeavesEngine(second, newBins(second))
	if err != nil {
		t.Fatal(err)
	}
	return (&refereeing{forest: f, bins: b, engines: layouts(e), leaves: leaves}).compare()
}

func TestRefereeRefuses(t *testing.T) {
	f := open(t, "continued.txt").forest
	in := len(f.features)
	nudge := func(x *float64) { *x = math.Nextafter(*x, math.Inf(1)) }
	l := liar{engine: naiveEngine{forest: f}}
	if err := judge(t, f, l, f); err != nil {
		t.Errorf("who tells the truth: %v", err)
	}
	wrongBy := func(what, want string, l liar) {
		t.Helper()
		l.engine = naiveEngine{forest: f}
		if err := judge(t, f, l, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	wrongBy("another leaf of the last tree", "ends in leaf", liar{exit: func(exits []int32) { exits[len(exits)-1] ^= 1 }})
	wrongBy("a margin of a row alone", "a row's margin is", liar{margin: func(margins, rows []float64) {
		if len(rows) == in {
			nudge(&margins[0])
		}
	}})
	wrongBy("the last margin of a block", "a row's margin is", liar{margin: func(margins, rows []float64) {
		if len(rows) == blockRows*in {
			nudge(&margins[len(margins)-1])
		}
	}})
	wrongBy("a margin that is NaN", "a row's margin is", liar{margin: func(margins, _ []float64) { margins[0] = math.NaN() }})
	wrongBy("a panic", "an evaluator panicked over the model: no row", liar{margin: func(_, _ []float64) { panic("no row") }})
}

// TestRefereeComparesEveryLayout has one of two layouts wrong.
func TestRefereeComparesEveryLayout(t *testing.T) {
	f := open(t, "deep.txt").forest
	wrong := liar{engine: naiveEngine{forest: f}, margin: func(margins, _ []float64) { margins[0]++ }}
	right := naiveEngine{forest: f}
	if err := judge(t, f, &compiled{forest: f, few: right, many: right}, f); err != nil {
		t.Errorf("both right: %v", err)
	}
	for _, e := range []*compiled{{forest: f, few: right, many: wrong}, {forest: f, few: wrong, many: right}} {
		if judge(t, f, e, f) == nil {
			t.Errorf("no word about %T and %T", e.few, e.many)
		}
	}
}

// TestRefereeNoticesEveryChange changes one node after the other, in the engine or in what leaves gets, and
// counts how often the referee lets it pass. Some changes make no difference: a threshold that no row which
// comes to its node reaches, the default side of a
// node to which nothing missing comes.
func TestRefereeNoticesEveryChange(t *testing.T) {
	for _, change := range []struct {
		name  string
		pass  float64 // The share that may pass: changes that no row can see, since nodes above decide by the same feature.
		apply func(t *tree, n *node) bool
	}{
		{"threshold above", 0, func(_ *tree, n *node) bool {
			n.threshold = math.Nextafter(n.threshold, math.Inf(1))
			return !n.categorical && math.Abs(n.threshold) > 2*zeroThreshold // Below, values are all 0.
		}},
		{"threshold below", 0, func(_ *tree, n *node) bool {
			n.threshold = math.Nextafter(n.threshold, math.Inf(-1))
			return !n.categorical && math.Abs(n.threshold) > 2*zeroThreshold
		}},
		{"sides", 0, func(_ *tree, n *node) bool { n.left, n.right = n.right, n.left; return true }},
		{"default side", 0.08, func(_ *tree, n *node) bool {
			n.defaultLeft = !n.defaultLeft
			return n.missing != missingNone
		}},
		{"category", 0.31, func(t *tree, n *node) bool {
			if n.categorical {
				t.sets[n.set[0]].bits ^= 1 << 3
			}
			return n.categorical
		}},
	} {
		tried, passed := 0, 0
		for _, file := range []string{"continued.txt", "missing_zero.txt", "category_narrow.txt"} {
			f := open(t, file).forest
			for i := range f.trees {
				for j := range f.trees[i].nodes {
					other := *f
					other.trees = slices.Clone(f.trees)
					tree := &other.trees[i]
					tree.nodes, tree.sets = slices.Clone(tree.nodes), slices.Clone(tree.sets)
					if !change.apply(tree, &tree.nodes[j]) {
						continue
					}
					tried++
					if judge(t, f, newCompiled(&other, newBins(&other)), f) == nil {
						passed++
					}
					if judge(t, f, naiveEngine{forest: f}, &other) == nil {
						passed++
					}
				}
			}
		}
		if tried < 10 || float64(passed) > change.pass*float64(2*tried) {
			t.Errorf("%s: %d of %d changes passed", change.name, passed, 2*tried)
		}
	}
}

// TestTextbookAgrees has margins far out and odd, with every link: what the libraries score so, the referee
// must not refuse.
func TestTextbookAgrees(t *testing.T) {
	margins := []float64{
		0, math.Copysign(0, -1), 1, -1, 0.3, 17, -17, 40, -40, 88.7, -88.7, 100, -100, 709, -709, 745, -745, 800, -800,
		1e-300, -1e-300, 1e-40, 1e30, -1e30, math.MaxFloat32, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(),
	}
	for kind := linkIdentity; kind <= linkArgmax; kind++ {
		for _, sigmoid := range []float64{1, 0.3333, 20} {
			l := link{kind: kind, sigmoid: sigmoid}
			for _, x := range margins {
				for _, y := range margins {
					if kind >= linkSigmoid32 {
						x, y = float64(float32(x)), float64(float32(y))
					}
					if err := l.agrees([]float64{x, y, x / 2}, 3, &[2][]float64{}); err != nil {
						t.Fatalf("link %d: %v", kind, err)
					}
				}
			}
		}
	}
}
