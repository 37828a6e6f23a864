package scoring

import "math"

// xgboostTreeFields are the fields of a tree (RegTree::SaveModel in src/tree/tree_model.cc, and
// MultiTargetTree::SaveModel in src/tree/multi_target_tree_model.cc for vector leaves). loss_changes,
// sum_hessian and leaf_child_counts tell of the training, as base_weights do where leaves stand elsewhere.
var xgboostTreeFields = []string{
	"id", "tree_param", "left_children", "right_children", "parents", "split_indices", "split_conditions",
	"default_left", "split_type", "categories", "categories_nodes", "categories_segments", "categories_sizes",
	"base_weights", "leaf_weights", "loss_changes", "sum_hessian", "leaf_child_counts",
}

// deletedNode is the feature of a node that was pruned away and left in place.
const deletedNode = math.MaxInt32

// xgboostTreeReader reads one tree after the other. Its slices are reused from tree to tree; nothing of
// them ends up in one. XGBoost numbers inner nodes and leaves together: ids here are its numbers.
type xgboostTreeReader struct {
	model  *xgboostModel
	fields object
	params object

	left, right, parent, feature []int32
	defaultLeft                  []int32
	condition                    []float32 // A leaf's value is here, unless leaves are vectors.
	vectors                      []float32 // The vectors of leaves: by leaf where leafWeights, by id where not.
	leafWeights                  bool
	sets                         xgboostSets

	seen, taken []bool // Nodes that were reached, and values of leaves.
	pending     []pendingNode
	complements int // Words of sets that were turned round, in all trees.
}

// pendingNode is a node that was reached and is to be numbered: the child of parent, on one side.
type pendingNode struct {
	id, parent int32
	right      bool
}

// next reads a tree, which adds to the output of its group.
func (r *xgboostTreeReader) next(at *element, group int32) (tree, error) {
	if err := r.fields.read(at, xgboostTreeFields); err != nil {
		return tree{}, err
	}
	if id := r.fields.find("id"); id != nil {
		n, err := id.integer()
		if err == nil && n != at.index {
			err = id.failf("%d, but the tree is number %d", n, at.index)
		}
		if err != nil {
			return tree{}, err
		}
	}
	t := tree{output: group}
	count, err := r.readParameters(&t)
	if err != nil {
		return tree{}, err
	}
	if err := r.readArrays(count); err != nil {
		return tree{}, err
	}
	if err := r.readVectors(&t, count); err != nil {
		return tree{}, err
	}
	if err := r.sets.read(&r.fields, count); err != nil {
		return tree{}, err
	}
	return t, r.build(&t)
}

// readParameters reads tree_param, and returns the number of nodes that every array must hold.
func (r *xgboostTreeReader) readParameters(t *tree) (int, error) {
	at, err := r.fields.get("tree_param")
	if err != nil {
		return 0, err
	}
	if err := r.params.read(at, []string{"num_nodes", "num_feature", "num_deleted", "size_leaf_vector"}); err != nil {
		return 0, err
	}
	if at, err = r.params.get("num_nodes"); err != nil {
		return 0, err
	}
	count, err := at.parameter(1, math.MaxInt32)
	if err != nil {
		return 0, err
	}
	if at = r.params.find("size_leaf_vector"); at != nil {
		size, err := at.parameter(0, math.MaxInt32)
		if err != nil {
			return 0, err
		}
		if t.vector = size > 1; t.vector && (size != r.model.outputs || t.output != 0) {
			return 0, at.failf("%d, but the model has %d outputs and the tree adds to those from %d on", size, r.model.outputs, t.output)
		}
	}
	return count, nil
}

// readArrays reads the arrays that every tree has, one value a node.
func (r *xgboostTreeReader) readArrays(count int) error {
	for _, array := range []struct {
		key  string
		into *[]int32
	}{
		{"left_children", &r.left},
		{"right_children", &r.right},
		{"parents", &r.parent},
		{"split_indices", &r.feature},
		{"default_left", &r.defaultLeft},
	} {
		at, err := r.fields.get(array.key)
		if err != nil {
			return err
		}
		if *array.into, err = at.int32s(*array.into, count); err != nil {
			return err
		}
	}
	at, err := r.fields.get("split_conditions")
	if err != nil {
		return err
	}
	if r.condition, err = at.float32s(r.condition, count); err != nil {
		return err
	}
	for _, key := range []string{"loss_changes", "sum_hessian", "leaf_child_counts"} {
		if at := r.fields.find(key); at != nil {
			if err := at.expect(count); err != nil {
				return err
			}
		}
	}
	return nil
}

// readVectors reads the values of vector leaves. Since 3.2 they stand in leaf_weights, and the right child
// of a leaf says where; before, base_weights hold one for each node. In other trees both must not matter.
func (r *xgboostTreeReader) readVectors(t *tree, count int) error {
	weights, base := r.fields.find("leaf_weights"), r.fields.find("base_weights")
	r.leafWeights = weights != nil
	switch {
	case !t.vector && weights != nil:
		return weights.failf("stands in a tree whose leaves are no vectors")
	case !t.vector && base != nil:
		return base.expect(count)
	case !t.vector:
		return nil
	}
	var err error
	if weights != nil {
		r.vectors, err = weights.float32s(r.vectors, -1)
		if err == nil && len(r.vectors)%r.model.outputs != 0 {
			err = weights.failf("%d values are no leaves of %d outputs", len(r.vectors), r.model.outputs)
		}
		return err
	}
	if base, err = r.fields.get("base_weights"); err != nil {
		return err
	}
	r.vectors, err = base.float32s(r.vectors, -1)
	if n := len(r.vectors); err == nil && (n%r.model.outputs != 0 || n/r.model.outputs != count) {
		err = base.failf("%d values where %d nodes of %d outputs belong", n, count, r.model.outputs)
	}
	return err
}

// build numbers the nodes and leaves from the root on, in the order in which a row that goes left first
// would meet them, and leaves out what was deleted. A child that is reached twice is refused, so that it ends.
func (r *xgboostTreeReader) build(t *tree) error {
	width := 1
	if t.vector {
		width = r.model.outputs
	}
	r.reserve(t, width)
	r.seen = cleared(r.seen, len(r.left))
	r.seen[0] = true
	r.pending = append(r.pending[:0], pendingNode{parent: -1})
	for leaves := int32(0); len(r.pending) > 0; {
		last := len(r.pending) - 1
		at := r.pending[last]
		r.pending = r.pending[:last]
		number := int32(len(t.nodes))
		var err error
		if r.left[at.id] == -1 {
			number = ^leaves
			leaves++
			err = r.addLeaf(t, at.id, width)
		} else {
			err = r.addNode(t, at.id)
		}
		if err != nil {
			return err
		}
		switch {
		case at.parent < 0:
		case at.right:
			t.nodes[at.parent].right = number
		default:
			t.nodes[at.parent].left = number
		}
	}
	return r.checkDeleted()
}

// reserve makes room for as many nodes and leaves as there can be.
func (r *xgboostTreeReader) reserve(t *tree, width int) {
	inner := 0
	for _, left := range r.left {
		if left != -1 {
			inner++
		}
	}
	leaves := min(inner+1, len(r.left)-inner)
	if t.vector {
		leaves = min(leaves, len(r.vectors)/width)
		r.taken = cleared(r.taken, len(r.vectors)/width)
	}
	if inner > 0 {
		t.nodes = make([]node, 0, inner)
	}
	t.leaves = make([]float64, 0, leaves*width)
}

// addLeaf appends the value of a leaf, or its values.
func (r *xgboostTreeReader) addLeaf(t *tree, id int32, width int) error {
	from, key, values := id, "split_conditions", r.condition
	if t.vector {
		key, values = "base_weights", r.vectors
		if r.leafWeights {
			if from, key = r.right[id], "leaf_weights"; from < 0 || int(from) >= len(r.taken) || r.taken[from] {
				return r.failAt("right_children", id, "leaf %d, but there are %d, each of which stands once", from, len(r.taken))
			}
			r.taken[from] = true
		}
	}
	for i, v := range values[int(from)*width : (int(from)+1)*width] {
		if !finite32(v) {
			return r.failAt(key, from*int32(width)+int32(i), "%v is not a finite number", v)
		}
		t.leaves = append(t.leaves, float64(v))
	}
	return nil
}

// addNode appends an inner node, and its children to the pending ones.
func (r *xgboostTreeReader) addNode(t *tree, id int32) error {
	n := node{feature: r.feature[id], missing: missingNaN, defaultLeft: r.defaultLeft[id] == 1}
	if r.defaultLeft[id] != 0 && !n.defaultLeft {
		return r.failAt("default_left", id, "%d is neither 0 nor 1", r.defaultLeft[id])
	}
	if n.feature < 0 || int(n.feature) >= len(r.model.features) {
		return r.failAt("split_indices", id, "feature %d, the last is %d", n.feature, len(r.model.features)-1)
	}
	swap, err := r.decide(t, &n, id)
	if err != nil {
		return err
	}
	left, right, err := r.children(id)
	if err != nil {
		return err
	}
	if swap {
		left, right, n.defaultLeft = right, left, !n.defaultLeft
	}
	number := int32(len(t.nodes))
	t.nodes = append(t.nodes, n)
	r.pending = append(r.pending, pendingNode{right, number, true}, pendingNode{left, number, false})
	return nil
}

// children checks the children of a node. XGBoost looks for the right one beside the left one wherever
// right_children says that it is (GetNextNode in src/predictor/predict_fn.h).
func (r *xgboostTreeReader) children(id int32) (left, right int32, err error) {
	left, right = r.left[id], r.right[id]
	for _, child := range [2]int32{left, right} {
		key := "left_children"
		if child == right {
			key = "right_children"
		}
		switch {
		case child < 1 || int(child) >= len(r.left):
			return 0, 0, r.failAt(key, id, "node %d, the last is %d", child, len(r.left)-1)
		case r.seen[child]:
			return 0, 0, r.failAt(key, id, "node %d is reached twice: the tree has a cycle or a knot", child)
		case r.parent[child] != id:
			return 0, 0, r.failAt("parents", child, "%d, but it is a child of %d", r.parent[child], id)
		}
		r.seen[child] = true
	}
	if right != left+1 {
		return 0, 0, r.failAt("right_children", id, "node %d is not beside the left child, which is %d", right, left)
	}
	return left, right, nil
}

// decide makes the node's decision, of which XGBoost's left may have to become right. x < c is, in float32,
// x ≤ the number before c; there is none before -Inf, below which there is nothing.
func (r *xgboostTreeReader) decide(t *tree, n *node, id int32) (swap bool, err error) {
	if r.sets.categorical(id) {
		return r.decideCategory(t, n, id)
	}
	c := r.condition[id]
	switch {
	case c != c:
		return false, r.failAt("split_conditions", id, "%v is not a number", c)
	case math.IsInf(float64(c), -1):
		n.threshold = math.Inf(1)
		return true, nil
	}
	n.threshold = float64(math.Nextafter32(c, float32(math.Inf(-1))))
	return false, nil
}

// checkDeleted refuses nodes that were not reached without having been deleted: a pointer to them broke.
func (r *xgboostTreeReader) checkDeleted() error {
	deleted := 0
	for id, seen := range r.seen {
		if seen {
			continue
		}
		if deleted++; r.feature[id] != deletedNode {
			return r.fields.of.failf("node %d is never reached from the root", id)
		}
	}
	at := r.params.find("num_deleted")
	if at == nil { // Before 1.3.
		return nil
	}
	n, err := at.parameter(0, math.MaxInt32)
	if err == nil && n != deleted {
		err = at.failf("%d, but %d nodes are never reached", n, deleted)
	}
	return err
}

// failAt makes an error about a node's value in an array.
func (r *xgboostTreeReader) failAt(key string, i int32, format string, args ...any) error {
	return r.fields.find(key).failAt(int(i), format, args...)
}
