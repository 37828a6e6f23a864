package scoring

import (
	"fmt"
	"math"
)

// readBooster reads gradient_booster into f. Its spellings (src/gbm/gbtree.cc and src/gbm/gblinear.cc):
//
//	gbtree      {name, model}
//	dart        {name: dart, gbtree: {name, model}, weight_drop}     to 3.2
//	            {name: gbtree, model, weight_drop}                   3.3
//	            {name: gbtree, model: {…, weight_drop}}              from 3.4
//	gblinear    {name, model: {weights, boosted_rounds}}
func (m *xgboostModel) readBooster(f *forest, at *element) error {
	booster, err := at.object("name", "model", "gbtree", "weight_drop")
	if err != nil {
		return err
	}
	nameAt, err := booster.get("name")
	if err != nil {
		return err
	}
	name, err := nameAt.text()
	if err != nil {
		return err
	}
	drop := booster.find("weight_drop")
	switch name {
	case "gbtree", "gblinear":
		if at := booster.find("gbtree"); at != nil {
			return at.failf("stands in a booster that is not dart")
		}
	case "dart":
		if _, err = booster.get("weight_drop"); err != nil {
			return err
		}
		if at, err = booster.get("gbtree"); err != nil {
			return err
		}
		if booster, err = at.object("name", "model"); err != nil {
			return err
		}
	default:
		return nameAt.failf("booster %s is not known; gbtree, dart and gblinear are", quoted([]byte(name)))
	}
	if at, err = booster.get("model"); err != nil {
		return err
	}
	if name == "gblinear" {
		return m.readLinear(f, at, drop)
	}
	return m.readTrees(f, at, drop)
}

// readLinear reads gblinear's model: the weights of feature after feature, one an output, then the biases.
// Every output starts with the first one's base margin, whatever the others' are (GBLinear::PredictBatch).
func (m *xgboostModel) readLinear(f *forest, at, drop *element) error {
	if drop != nil {
		return drop.failf("stands in a booster that has no trees")
	}
	model, err := at.object("weights", "boosted_rounds")
	if err != nil {
		return err
	}
	if at, err = model.get("weights"); err != nil {
		return err
	}
	n, err := at.count()
	if err != nil {
		return err
	}
	rounds := 0
	if r := model.find("boosted_rounds"); r != nil { // Since 1.4.
		if rounds, err = r.integer(); err != nil {
			return err
		}
	}
	if f.base, err = m.baseMargins(rounds != 0); err != nil {
		return err
	}
	f.base = f.base[:1]
	if n == 0 {
		return m.unfitted(f, at)
	}
	if rows, rest := n/m.outputs, n%m.outputs; rest != 0 || rows != len(m.features)+1 {
		return at.failf("%d values for %d features and a bias of %d outputs", n, len(m.features), m.outputs)
	}
	values, err := at.float32s(nil, n)
	if err != nil {
		return err
	}
	wide := make([]float64, n)
	for i, v := range values {
		if !finite32(v) {
			return at.failAt(i, "%v is not a finite number", v)
		}
		wide[i] = float64(v)
	}
	bias := n - m.outputs
	f.weights = &weights{coefficient: wide[:bias], bias: wide[bias:]}
	f.base = spread(f.base, m.outputs)
	return nil
}

// readTrees reads the model of a tree booster (src/gbm/gbtree_model.cc).
func (m *xgboostModel) readTrees(f *forest, at, drop *element) error {
	model, err := at.object("gbtree_model_param", "trees", "tree_info", "iteration_indptr", "cats", "weight_drop")
	if err != nil {
		return err
	}
	trees, err := model.get("trees")
	if err != nil {
		return err
	}
	n, err := m.countTrees(model, trees)
	if err != nil {
		return err
	}
	if at, err = model.get("tree_info"); err != nil {
		return err
	}
	groups, err := at.int32s(nil, n)
	if err != nil {
		return err
	}
	for i, group := range groups {
		if group < 0 || int(group) >= m.outputs {
			return at.failAt(i, "output %d, the last is %d", group, m.outputs-1)
		}
	}
	if err := checkRounds(model.find("iteration_indptr"), n); err != nil {
		return err
	}
	if err := checkCats(model.find("cats"), len(m.features)); err != nil {
		return err
	}
	if f.base, err = m.baseMargins(n > 0); err != nil {
		return err
	}
	if n == 0 {
		return m.unfitted(f, trees)
	}
	if within := model.find("weight_drop"); within != nil {
		if drop != nil {
			return drop.failf("stands beside the model and in it")
		}
		drop = within
	}
	weights, err := m.readDropped(drop, n)
	if err != nil {
		return err
	}
	if err := m.readEachTree(f, trees, groups, weights); err != nil {
		return err
	}
	if f.outputs > n && !f.trees[0].vector {
		return m.scoresAt.up.failf("%d outputs, but %d trees", f.outputs, n)
	}
	f.base = spread(f.base, f.outputs)
	m.baseLast(f, drop != nil)
	return nil
}

// countTrees holds the number of trees against what gbtree_model_param says.
func (m *xgboostModel) countTrees(model *object, trees *element) (int, error) {
	n, err := trees.count()
	if err != nil {
		return 0, err
	}
	at, err := model.get("gbtree_model_param")
	if err != nil {
		return 0, err
	}
	params, err := at.object("num_trees", "num_parallel_tree", "size_leaf_vector")
	if err != nil {
		return 0, err
	}
	if at, err = params.get("num_trees"); err != nil {
		return 0, err
	}
	said, err := at.parameter(0, math.MaxInt32)
	if err == nil && said != n {
		err = at.failf("%d, but there are %d trees", said, n)
	}
	return n, err
}

// checkRounds holds iteration_indptr against the trees: where each round of the training begins, and the
// last one ends. All rounds count, so that it cannot change a score.
func checkRounds(at *element, trees int) error {
	if at == nil { // Before 2.0.
		return nil
	}
	rounds, err := at.int32s(nil, -1)
	if err != nil {
		return err
	}
	last := int32(0)
	for i, r := range rounds {
		if i == 0 && r != 0 || r < last {
			return at.failAt(i, "round begins at tree %d", r)
		}
		last = r
	}
	if int(last) != trees {
		return at.failf("ends with tree %d, but there are %d", last, trees)
	}
	return nil
}

// checkCats recognises the categories' names of a model that was trained from a data frame. XGBoost turns the
// names in a data frame into the codes that trees hold; rows of numbers hold codes, so that names cannot
// change a score. They are not read any further: XGBoost 3.2 cuts names beyond ASCII short.
func checkCats(at *element, features int) error {
	if at == nil { // Before 3.1.
		return nil
	}
	cats, err := at.object("enc", "feature_segments", "sorted_idx")
	if err != nil {
		return err
	}
	if at = cats.find("enc"); at == nil {
		return nil
	}
	n, err := at.count()
	if err == nil && n != 0 && n != features {
		err = at.failf("%d values for %d features", n, features)
	}
	return err
}

// readDropped reads what dart multiplies each tree by; nil is 1 for all. Since 3.4 the list may be shorter
// than the trees, the last of which then count whole.
func (m *xgboostModel) readDropped(at *element, trees int) ([]float32, error) {
	if at == nil {
		return nil, nil
	}
	weights, err := at.float32s(nil, -1)
	if err != nil {
		return nil, err
	}
	if n := len(weights); n > trees || n < trees && m.version.before(3, 4) {
		return nil, at.failf("%d values for %d trees", n, trees)
	}
	for i, w := range weights {
		if !finite32(w) {
			return nil, at.failAt(i, "%v is not a finite number", w)
		}
	}
	return weights, nil
}

// readEachTree reads all trees into f.
func (m *xgboostModel) readEachTree(f *forest, trees *element, groups []int32, weights []float32) error {
	f.trees = make([]tree, 0, len(groups))
	reader := &xgboostTreeReader{model: m}
	for s := range trees.notation.items(trees.span) {
		i := len(f.trees)
		t, err := reader.next(trees.item(i, s), groups[i])
		if err != nil {
			return err
		}
		if i < len(weights) {
			if err := m.scale(&t, weights[i]); err != nil {
				return trees.failAt(i, "%w", err)
			}
		}
		f.trees = append(f.trees, t)
	}
	return nil
}

// scale multiplies a tree's leaves by what dart says the tree weighs, rounded to float32 as XGBoost multiplies.
func (m *xgboostModel) scale(t *tree, weight float32) error {
	for i, leaf := range t.leaves {
		if leaf == 0 && m.version.before(3, 3) {
			leaf = 0 // A leaf was added to 0 before, which makes 0 of -0.
		}
		v := float32(leaf) * weight
		if !finite32(v) {
			return fmt.Errorf("its leaf %v times its weight %v is beyond float32", leaf, weight)
		}
		t.leaves[i] = float64(v)
	}
	return nil
}

// spread makes one value an output of one for all.
func spread[T any](values []T, n int) []T {
	if len(values) == n {
		return values
	}
	all := make([]T, n)
	for i := range all {
		all[i] = values[0]
	}
	return all
}

// baseLast makes the base margins the last thing that is added, as it was before 1.3 (1.4 for dart), when
// leaves were added up first (GBTree::PredValue): as trees of one leaf at the end.
func (m *xgboostModel) baseLast(f *forest, dart bool) {
	if last := m.version.before(1, 3) || dart && m.version.before(1, 4); !last {
		return
	}
	for k, margin := range f.base {
		if margin != 0 {
			f.trees = append(f.trees, tree{leaves: []float64{margin}, output: int32(k)})
		}
	}
	f.base = nil
}

// maxUnfitted bounds the outputs of a model without trees, which nothing else does.
const maxUnfitted = 1024

// unfitted makes the forest of a model that was never trained: its margins are the base margins, here as
// trees of one leaf.
func (m *xgboostModel) unfitted(f *forest, at *element) error {
	if m.outputs > maxUnfitted {
		return at.failf("is empty: the model was never trained")
	}
	for k, margin := range spread(f.base, m.outputs) {
		f.trees = append(f.trees, tree{leaves: []float64{margin}, output: int32(k)})
	}
	f.base = nil
	return nil
}

// finite32 says whether a number is neither NaN nor infinite.
func finite32(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }
