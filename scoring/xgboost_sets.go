package scoring

import (
	"math"
	"slices"
)

// xgboostSets are the categories that a tree's nodes send right, as RegTree::SaveCategoricalSplit in
// src/tree/tree_model.cc writes them: split_type is 1 for the nodes that tell categories apart, and node
// categories_nodes[k] has the categories_sizes[k] values of categories that begin at categories_segments[k].
// Nodes that became leaves or were deleted may still have a set.
type xgboostSets struct {
	types, nodes, sizes, categories []int32
	at                              *element // categories; nil in a tree without sets.
	starts                          []int32  // Where each set begins in categories.
}

// maxCategory is the last category that XGBoost knows: those beyond have no float32 of their own.
const maxCategory = 1<<24 - 1

// read reads the sets of a tree of count nodes.
func (s *xgboostSets) read(fields *object, count int) error {
	s.types, s.nodes, s.at = s.types[:0], s.nodes[:0], nil
	types := fields.find("split_type")
	if types == nil { // Before 1.3.
		return nil
	}
	var err error
	if s.types, err = types.int32s(s.types, count); err != nil {
		return err
	}
	for id, kind := range s.types {
		if kind != 0 && kind != 1 {
			return types.failAt(id, "%d is no type of split", kind)
		}
	}
	nodes := fields.find("categories_nodes")
	if nodes == nil {
		return nil
	}
	if s.nodes, err = nodes.int32s(s.nodes, -1); err != nil {
		return err
	}
	for k, id := range s.nodes {
		if id < 0 || int(id) >= count || k > 0 && id <= s.nodes[k-1] {
			return nodes.failAt(k, "%d is no node after those before it", id)
		}
	}
	return s.readSegments(fields)
}

// readSegments reads where each set begins and ends: one follows the other, to the end.
func (s *xgboostSets) readSegments(fields *object) error {
	segments, err := fields.get("categories_segments")
	if err != nil {
		return err
	}
	if s.starts, err = segments.int32s(s.starts, len(s.nodes)); err != nil {
		return err
	}
	sizes, err := fields.get("categories_sizes")
	if err != nil {
		return err
	}
	if s.sizes, err = sizes.int32s(s.sizes, len(s.nodes)); err != nil {
		return err
	}
	if s.at, err = fields.get("categories"); err != nil {
		return err
	}
	if s.categories, err = s.at.int32s(s.categories, -1); err != nil {
		return err
	}
	end := 0
	for k, start := range s.starts {
		if int(start) != end {
			return segments.failAt(k, "begins at %d, the set before ends at %d", start, end)
		}
		if s.sizes[k] < 1 || int(s.sizes[k]) > len(s.categories)-end {
			return sizes.failAt(k, "%d categories, where %d are left", s.sizes[k], len(s.categories)-end)
		}
		end += int(s.sizes[k])
	}
	if end != len(s.categories) {
		return s.at.failf("%d values where %d belong", len(s.categories), end)
	}
	return nil
}

// categorical says whether a node tells categories apart.
func (s *xgboostSets) categorical(id int32) bool { return len(s.types) > 0 && s.types[id] == 1 }

// decideCategory makes the decision of a node that tells categories apart. XGBoost sends the set right, and
// left what is not in it, invalid values among it; a forest's set goes left, so that the children change sides.
//
// XGBoost 1.6 sends what is beyond the words of the set's bits to the default side (Decision in its
// src/common/categorical.h). Where that is right, the categories within the words that are not in the set
// are those that go left.
func (r *xgboostTreeReader) decideCategory(t *tree, n *node, id int32) (swap bool, err error) {
	if r.model.version.before(1, 5) {
		return false, r.failAt("split_type", id, "XGBoost %v scores categories on GPUs only: re-save the model with XGBoost 1.7", r.model.version)
	}
	k, ok := slices.BinarySearch(r.sets.nodes, id)
	if !ok {
		return false, r.failAt("split_type", id, "the node tells categories apart, but has none in categories_nodes")
	}
	start := r.sets.starts[k]
	set := r.sets.categories[start : start+r.sets.sizes[k]]
	for i, category := range set {
		if category < 0 || category > maxCategory {
			return false, r.sets.at.failAt(int(start)+i, "category %d, the last is %d", category, maxCategory)
		}
	}
	n.categorical = true
	n.set[0] = uint32(len(t.sets))
	slices.Sort(set)
	for _, category := range set {
		word := setWord{index: uint32(category) / 32, bits: 1 << (category % 32)}
		if last := len(t.sets) - 1; last >= int(n.set[0]) && t.sets[last].index == word.index {
			t.sets[last].bits |= word.bits
		} else {
			t.sets = append(t.sets, word)
		}
	}
	rest := !r.model.version.before(1, 6) && r.model.version.before(1, 7) && !n.defaultLeft
	if rest {
		err = r.complement(t, n, id)
	}
	n.set[1] = uint32(len(t.sets))
	return !rest, err
}

// complement turns the last set into the other categories of its words and of those before them.
func (r *xgboostTreeReader) complement(t *tree, n *node, id int32) error {
	words := slices.Clone(t.sets[n.set[0]:])
	count := int(words[len(words)-1].index) + 1
	// A set of one large category has many others: far more than it takes bytes.
	if r.complements += max(0, count-16-4*len(words)); r.complements > r.model.bytes/16+1<<12 {
		return r.failAt("split_type", id, "categories are too large to be scored as XGBoost %v does: re-save the model with XGBoost 1.7", r.model.version)
	}
	t.sets = t.sets[:n.set[0]]
	for index := range uint32(count) {
		word := setWord{index: index, bits: math.MaxUint32}
		if words[0].index == index {
			word.bits = ^words[0].bits
			words = words[1:]
		}
		if word.bits != 0 {
			t.sets = append(t.sets, word)
		}
	}
	return nil
}
