package scoring

import (
	"math"
	"strings"
	"testing"
)

// small is a valid file written by hand: three trees, numeric and categorical nodes, no tree_sizes, so
// that an edit reaches the check it is meant for.
const small = `tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:1
feature_names=a b c
feature_infos=[0:1] [0:1] 1:2:3

Tree=0
num_leaves=4
num_cat=0
split_feature=0 1 0
split_gain=3 2 1
threshold=0.5 -1.5 2.5
decision_type=2 10 4
left_child=1 -1 -2
right_child=2 -3 -4
leaf_value=0.1 0.2 -0.3 0.4
leaf_weight=1 1 1 1
leaf_count=1 1 1 1
is_linear=0
shrinkage=0.1

Tree=1
num_leaves=3
num_cat=2
split_feature=2 2
threshold=1 0
decision_type=1 9
left_child=-1 -2
right_child=1 -3
leaf_value=1 2 -3
cat_boundaries=0 1 3
cat_threshold=6 1 2147483648
is_linear=0
shrinkage=0.1

Tree=2
num_leaves=1
num_cat=0
leaf_value=-0.25
shrinkage=1

end of trees
`

func TestSmallIsValid(t *testing.T) {
	m, err := Open([]byte(small), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float64, 1)
	if err := m.PredictRaw(got, []float64{0, -2, 2}); err != nil || got[0] != 0.1+2-0.25 {
		t.Errorf("PredictRaw = %v, %v, want %v", got, err, 0.1+2-0.25)
	}
}

// TestCategoryIgnoresDefaults holds that a categorical node sends NaN right whatever its other bits say.
func TestCategoryIgnoresDefaults(t *testing.T) {
	for _, bits := range []string{"1", "3", "7", "11"} {
		m, err := Open([]byte(strings.Replace(small, "decision_type=1 9", "decision_type="+bits+" 9", 1)), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n := m.forest.trees[1].nodes[0]; !n.categorical || n.defaultLeft || n.goesLeft(m.forest.trees[1].sets, lightgbmRules, math.NaN()) {
			t.Errorf("decision_type %s: NaN goes left at %+v", bits, n)
		}
	}
}

// edits are changes to small, one fault each, and a piece of the line that must come of it.
var edits = []struct{ name, from, to, want string }{
	{"version", "version=v4", "version=v5", `line 2: version: "v5" is not known`},
	{"no version", "version=v4\n", "", "header ends without version"},
	{"classes", "num_class=1", "num_class=0", "line 3: num_class: 0 is outside"},
	{"classes word", "num_class=1", "num_class=one", `num_class: "one" is not a whole number`},
	{"classes against iterations", "num_class=1", "num_class=2", "num_tree_per_iteration: 1, but num_class is 2"},
	{"more classes than trees", "num_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=2\nobjective=binary sigmoid:1\n", "num_class=2000000000\nnum_tree_per_iteration=2000000000\nmax_feature_idx=2\n", "3 trees cannot be shared out to 2000000000"},
	{"trees short of an iteration", "num_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=2\nobjective=binary sigmoid:1\n", "num_class=2\nnum_tree_per_iteration=2\nmax_feature_idx=2\n", "3 trees cannot be shared out to 2"},
	{"features below 0", "max_feature_idx=2", "max_feature_idx=-5", "line 6: max_feature_idx: -5 is outside"},
	{"features beyond names", "max_feature_idx=2", "max_feature_idx=2000000000", "feature_names: 3 values where 2000000001 belong"},
	{"infos", "feature_infos=[0:1] [0:1] 1:2:3", "feature_infos=[0:1]", "feature_infos: 1 values where 3 belong"},
	{"name twice", "feature_names=a b c", "feature_names=a b a", `feature_names: "a" stands twice`},
	{"header unknown", "label_index=0", "output_scale=2", `header field "output_scale" is not known`},
	{"header twice", "label_index=0", "num_class=1", "num_class: stands twice"},
	{"average with a value", "label_index=0", "average_output=0", "average_output: takes no value"},
	{"objective", "objective=binary sigmoid:1", "objective=survival", `line 7: objective "survival" is not known`},
	{"objective parameter", "sigmoid:1", "sigmoid:1 scale:2", `parameter "scale" is not known`},
	{"sigmoid 0", "sigmoid:1", "sigmoid:0", `sigmoid is "0"`},
	{"sigmoid NaN", "sigmoid:1", "sigmoid:nan", `sigmoid is "nan"`},
	{"no sigmoid", "binary sigmoid:1", "binary", "its parameter sigmoid is missing"},
	{"classes of objective", "binary sigmoid:1", "multiclass num_class:3", `num_class is "3", the header's 1`},
	{"sqrt where none is", "binary sigmoid:1", "huber sqrt", `parameter "sqrt" is not known`},
	{"sizes too large", "label_index=0", "tree_sizes=99999999 1 1", "tree 0 is said to take 99999999 bytes"},
	{"sizes negative", "label_index=0", "tree_sizes=-1 1 1", "tree 0 is said to take -1 bytes"},
	{"sizes wrong", "label_index=0", "tree_sizes=100 100 100", "Tree=0 takes 244 bytes where tree_sizes says 100"},
	{"sizes fewer", "label_index=0", "tree_sizes=244 209", "3 trees where tree_sizes lists 2"},
	{"tree skipped", "Tree=1", "Tree=2", `"Tree=2" stands where Tree=1`},
	{"junk between trees", "Tree=1", "junk", `"junk" stands where Tree=1`},
	{"tree unknown", "split_gain=3 2 1", "foo=1", `block Tree=0: line 15: field "foo" is not known`},
	{"tree twice", "split_gain=3 2 1", "num_cat=0", "num_cat: stands twice"},
	{"linear without functions", "is_linear=0", "is_linear=1", "the tree ends without leaf_const"},
	{"linear field", "split_gain=3 2 1", "leaf_const=1 1 1 1", "stands in a tree that is not linear"},
	{"leaves enormous", "num_leaves=4", "num_leaves=2000000000", "leaf_value: 4 values where 2000000000 belong"},
	{"leaves beyond int", "num_leaves=4", "num_leaves=100000000000000000000", "is not a whole number"},
	{"leaves 1e14", "num_leaves=4", "num_leaves=100000000000000", "num_leaves: 100000000000000 is outside"},
	{"leaves 0", "num_leaves=4", "num_leaves=0", "num_leaves: 0 is outside"},
	{"leaves 1", "num_leaves=4", "num_leaves=1", "leaf_value: 4 values where 1 belong"},
	{"leaves too few", "num_leaves=4", "num_leaves=3", "leaf_value: 4 values where 3 belong"},
	{"no leaves", "leaf_value=0.1 0.2 -0.3 0.4\n", "", "the tree ends without leaf_value"},
	{"leaf NaN", "leaf_value=0.1", "leaf_value=nan", `leaf_value: value 0, "nan", is not a finite`},
	{"leaf overflows", "leaf_value=0.1", "leaf_value=1e999", "is not a finite"},
	{"leaf hexadecimal", "leaf_value=0.1", "leaf_value=0x1p3", "is not a finite"},
	{"leaf short", "leaf_value=0.1 0.2", "leaf_value=0.1", "leaf_value: 3 values where 4 belong"},
	{"weights short", "leaf_weight=1 1 1 1", "leaf_weight=1 1", "leaf_weight: 2 values where 4 belong"},
	{"gains long", "split_gain=3 2 1", "split_gain=3 2 1 0", "split_gain: 4 values where 3 belong"},
	{"threshold NaN", "threshold=0.5", "threshold=nan", "threshold: value 0"},
	{"threshold overflows", "threshold=0.5", "threshold=1e999", "threshold: value 0"},
	{"threshold of a set infinite", "threshold=1 0", "threshold=inf 0", "the tree's category sets are 0 to 1"},
	{"threshold short", "threshold=0.5 -1.5 2.5", "threshold=0.5", "threshold: 1 values where 3 belong"},
	{"no decisions", "decision_type=2 10 4\n", "", "the tree ends without decision_type"},
	{"decision bit", "decision_type=2", "decision_type=18", "decision_type: value 0 is 18"},
	{"decision missing 3", "decision_type=2", "decision_type=12", "decision_type: value 0 is 12"},
	{"decision negative", "decision_type=2", "decision_type=-1", "decision_type: value 0 is -1"},
	{"feature beyond", "split_feature=0 1 0", "split_feature=0 9999 0", "feature 9999, the last feature is 2"},
	{"feature negative", "split_feature=0 1 0", "split_feature=0 -1 0", "feature -1"},
	{"child beyond", "left_child=1 -1 -2", "left_child=999 -1 -2", "left_child: value 0 is 999"},
	{"leaf beyond", "right_child=2 -3 -4", "right_child=2 -3 -999", "right_child: value 2 is -999"},
	{"child is root", "left_child=1 -1 -2", "left_child=0 -1 -2", "node 0 is reached twice"},
	{"both children root", "left_child=1 -1 -2\nright_child=2 -3 -4", "left_child=0 -1 -2\nright_child=0 -3 -4", "node 0 is reached twice"},
	{"cycle below", "left_child=1 -1 -2", "left_child=1 0 -2", "node 0 is reached twice"},
	{"cycle apart", "left_child=1 -1 -2\nright_child=2 -3 -4", "left_child=-1 2 1\nright_child=-2 -3 -4", "is never reached"},
	{"knot", "right_child=2 -3 -4", "right_child=1 -3 -4", "node 1 is reached twice"},
	{"leaf twice", "left_child=1 -1 -2", "left_child=1 -1 -1", "leaf 0 is reached twice"},
	{"category without sets", "decision_type=2 10 4", "decision_type=1 10 4", "the tree's num_cat is 0"},
	{"sets without count", "num_cat=2", "num_cat=0", "stands in a tree whose num_cat is 0"},
	{"sets enormous", "num_cat=2", "num_cat=2000000000", "cat_boundaries: 3 values where 2000000001 belong"},
	{"set beyond", "threshold=1 0", "threshold=2 0", "the tree's category sets are 0 to 1"},
	{"set negative", "threshold=1 0", "threshold=-1 0", "the tree's category sets are 0 to 1"},
	{"set fractional", "threshold=1 0", "threshold=0.5 0", "the tree's category sets are 0 to 1"},
	{"boundaries fall", "cat_boundaries=0 1 3", "cat_boundaries=0 4 3", "cat_boundaries: falls from 4 to 3"},
	{"boundaries start", "cat_boundaries=0 1 3", "cat_boundaries=1 1 3", "cat_boundaries: begins with 1"},
	{"boundaries beyond", "cat_boundaries=0 1 3", "cat_boundaries=0 1 4294967295", "cat_threshold: 3 values where 4294967295 belong"},
	{"words beyond 32 bits", "cat_threshold=6 1 2147483648", "cat_threshold=6 1 4294967296", "cat_threshold: value 2"},
	{"no trees to average", "label_index=0\n" + small[strings.Index(small, "max_feature_idx"):strings.Index(small, "end of trees")], "max_feature_idx=2\nfeature_names=a b c\naverage_output\n\n", "0 trees cannot be shared out"},
	{"no end", "end of trees\n", "", "the file ends after 3 trees"},
	{"cut in a tree", small[strings.Index(small, "leaf_value=1 2"):], "", "the file ends inside Tree=1: it is cut short"},
	{"cut in the header", small[strings.Index(small, "objective"):], "", "the file ends inside its header: it is cut short"},
}

// linear is a valid file of one linear tree: leaf 0 adds two features, leaf 1 none and leaf 2 one.
const linear = `tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=1
objective=regression
feature_names=a b

Tree=0
num_leaves=3
num_cat=0
split_feature=0 1
threshold=0.5 -1.5
decision_type=8 8
left_child=1 -1
right_child=-2 -3
leaf_value=0.1 0.2 -0.3
is_linear=1
leaf_const=1 2 3
num_features=2 0 1
leaf_features=0 1   1 
leaf_coeff=0.5 -0.25   4 
shrinkage=1


end of trees
`

var linearEdits = []struct{ name, from, to, want string }{
	{"neither", "is_linear=1", "is_linear=2", "is_linear: 2 is outside 0 to 1"},
	{"not linear", "is_linear=1", "is_linear=0", "leaf_const: stands in a tree that is not linear"},
	{"not linear, terms alone", "is_linear=1\nleaf_const=1 2 3\nnum_features=2 0 1\nleaf_features=0 1   1 \n", "", "leaf_coeff: stands in a tree that is not linear"},
	{"no constants", "leaf_const=1 2 3\n", "", "the tree ends without leaf_const"},
	{"no counts", "num_features=2 0 1\n", "", "the tree ends without num_features"},
	{"no features", "leaf_features=0 1   1 \n", "", "the tree ends without leaf_features"},
	{"no coefficients", "leaf_coeff=0.5 -0.25   4 \n", "", "the tree ends without leaf_coeff"},
	{"constants short", "leaf_const=1 2 3", "leaf_const=1 2", "leaf_const: 2 values where 3 belong"},
	{"constant NaN", "leaf_const=1", "leaf_const=nan", `leaf_const: value 0, "nan", is not a finite`},
	{"counts long", "num_features=2 0 1", "num_features=2 0 1 0", "num_features: 4 values where 3 belong"},
	{"count negative", "num_features=2 0 1", "num_features=2 -1 2", "num_features: value 1 is -1, which is no number of features"},
	{"count enormous", "num_features=2 0 1", "num_features=2 0 2000000000", "leaf_features: 3 values where 2000000002 belong"},
	{"counts overflow", "num_features=2 0 1", "num_features=2000000000 2000000000 2000000000", "num_features: value 1 is 2000000000, which is no number of features"},
	{"counts overflow to the right sum", "num_features=2 0 1", "num_features=2147483647 2147483647 5", "num_features: value 1 is 2147483647"},
	{"count beyond 32 bits", "num_features=2 0 1", "num_features=2 0 4294967297", "num_features: value 2"},
	{"counts fewer than terms", "num_features=2 0 1", "num_features=1 0 1", "leaf_features: 3 values where 2 belong"},
	{"feature beyond", "leaf_features=0 1   1", "leaf_features=0 1   2", "leaf_features: value 2 is feature 2, the last feature is 1"},
	{"feature negative", "leaf_features=0 1", "leaf_features=-1 1", "leaf_features: value 0 is feature -1"},
	{"coefficients short", "leaf_coeff=0.5 -0.25   4", "leaf_coeff=0.5 -0.25", "leaf_coeff: 2 values where 3 belong"},
	{"coefficient NaN", "leaf_coeff=0.5", "leaf_coeff=nan", `leaf_coeff: value 0, "nan", is not a finite`},
	{"coefficient infinite", "leaf_coeff=0.5", "leaf_coeff=inf", `leaf_coeff: value 0, "inf", is not a finite`},
	{"coefficient overflows", "leaf_coeff=0.5", "leaf_coeff=1e999", "leaf_coeff: value 0"},
	{"cut in the terms", "-0.25   4 \nshrinkage=1\n\n\nend of trees\n", "-0.25", "the file ends inside Tree=0: it is cut short"},
}

func TestLinearIsValid(t *testing.T) {
	m, err := Open([]byte(linear), Options{})
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	for _, c := range []struct{ a, b, want float64 }{
		{0, -2, 1 + 0 + 0.5},
		{0.25, -2, 1 + 0.125 + 0.5},
		{nan, -2, 2},
		{1e9, nan, 2},
		{0, 3, 3 + 12},
		{0, nan, -0.3},
		{1e-36, -1e300, 1 + 0 + 0.25e300},
		{0, math.Inf(1), math.Inf(1)},
	} {
		got := make([]float64, 1)
		if err := m.PredictRaw(got, []float64{c.a, c.b}); err != nil || got[0] != c.want {
			t.Errorf("PredictRaw(%v, %v) = %v, %v, want %v", c.a, c.b, got, err, c.want)
		}
	}
}

// TestLinearZeros has a term that only counts where a tiny value is not taken for zero.
func TestLinearZeros(t *testing.T) {
	m, err := Open([]byte(strings.Replace(linear, "leaf_coeff=0.5", "leaf_coeff=1e36", 1)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for x, want := range map[float64]float64{1e-36: 1.5, zeroThreshold: 1.5, 1e-34: 101.5} {
		got := make([]float64, 1)
		if err := m.PredictRaw(got, []float64{x, -2}); err != nil || got[0] != want {
			t.Errorf("PredictRaw(%v) = %v, %v, want %v", x, got, err, want)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	for text, edits := range map[string][]struct{ name, from, to, want string }{small: edits, linear: linearEdits} {
		for _, edit := range edits {
			t.Run(edit.name, func(t *testing.T) {
				if strings.Count(text, edit.from) < 1 {
					t.Fatalf("the file does not hold %q", edit.from)
				}
				_, err := Open([]byte(strings.Replace(text, edit.from, edit.to, 1)), Options{})
				if err == nil || !strings.Contains(err.Error(), edit.want) {
					t.Fatalf("Open = %v, want %q", err, edit.want)
				}
				if strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 300 {
					t.Errorf("not one short line: %q", err)
				}
			})
		}
	}
}

// TestEmptySet sends every category right.
func TestEmptySet(t *testing.T) {
	m, err := Open([]byte(strings.Replace(small, "cat_threshold=6 1 2147483648", "cat_threshold=0 1 2147483648", 1)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float64, 1)
	if err := m.PredictRaw(got, []float64{0, -2, 2}); err != nil || got[0] != 0.1-3-0.25 {
		t.Errorf("PredictRaw = %v, %v, want %v", got, err, 0.1-3-0.25)
	}
}

// TestNoTrees scores as LightGBM does: the margin is 0.
func TestNoTrees(t *testing.T) {
	text := small[:strings.Index(small, "Tree=0")] + "end of trees\n"
	for _, engine := range []string{EngineCompiled, EngineNaive} {
		m, err := Open([]byte(text), Options{Engine: engine})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float64, 70)
		if err := m.Predict(got, make([]float64, 3*len(got))); err != nil {
			t.Fatal(err)
		}
		for _, score := range got {
			if score != 0.5 {
				t.Fatalf("engine %s: Predict = %v, want 0.5", engine, score)
			}
		}
		if m.Info().Refereed {
			t.Error("leaves judged a model without trees")
		}
	}
	if _, err := Open([]byte(text), Options{Engine: EngineLeaves}); err == nil || !strings.Contains(err.Error(), "no trees") {
		t.Errorf("engine leaves: %v", err)
	}
}
