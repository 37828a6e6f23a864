package scoring

import (
	"bytes"
	"fmt"
	"math"
)

// lightgbmTreeReader reads one block after the other. Its maps and slices are reused from block to
// block; nothing of them ends up in a tree.
type lightgbmTreeReader struct {
	in       *lines
	features int
	fields   map[string]field
	seen     reached
	used     []bool // Which of a tree's category sets nodes have; LightGBM writes one a node.
}

// next reads the block of tree number, and how many bytes its writer counted in it: from its first
// line up to the next block's. It returns errEndOfTrees at the line of that name.
func (r *lightgbmTreeReader) next(number int) (tree, int, error) {
	line, err := r.begin(number)
	if err != nil {
		return tree{}, 0, err
	}
	start := r.in.written - len(line) - 1
	if err := r.collect(number); err != nil {
		return tree{}, 0, err
	}
	t, err := r.build()
	if err != nil {
		return tree{}, 0, fmt.Errorf("block Tree=%d: %w", number, err)
	}
	// A block ends with blank lines: one by the tree, one by the file's writer.
	for r.blankAhead() {
		r.in.next()
	}
	return t, r.in.written - start, nil
}

// begin finds the block's first line.
func (r *lightgbmTreeReader) begin(number int) ([]byte, error) {
	for {
		line, ok := r.in.next()
		if !ok {
			return nil, fmt.Errorf("line %d: the file ends after %d trees without \"end of trees\": it is cut short", r.in.number, number)
		}
		switch {
		case len(line) == 0:
			continue
		case string(line) == "end of trees":
			return nil, errEndOfTrees
		case string(line) == fmt.Sprintf("Tree=%d", number):
			return line, nil
		}
		return nil, fmt.Errorf("line %d: %s stands where Tree=%d or \"end of trees\" belongs", r.in.number, quoted(line), number)
	}
}

func (r *lightgbmTreeReader) blankAhead() bool {
	return bytes.HasPrefix(r.in.rest, []byte{'\n'}) || bytes.HasPrefix(r.in.rest, []byte("\r\n"))
}

// collect gathers the block's fields up to its blank line, each of which must be known.
func (r *lightgbmTreeReader) collect(number int) error {
	if r.fields == nil {
		r.fields = map[string]field{}
	}
	clear(r.fields)
	for {
		line, ok := r.in.next()
		if !ok {
			return fmt.Errorf("line %d: the file ends inside Tree=%d: it is cut short", r.in.number, number)
		}
		if len(line) == 0 {
			return nil
		}
		f := splitField(line, r.in.number)
		if !lightgbmTreeKey(f.key) {
			return fmt.Errorf("block Tree=%d: line %d: field %s is not known, and might change scores", number, f.line, quoted([]byte(f.key)))
		}
		if _, twice := r.fields[f.key]; twice {
			return fmt.Errorf("block Tree=%d: %w", number, f.failf("stands twice"))
		}
		r.fields[f.key] = f
	}
}

// lightgbmTreeKey says which keys a tree may hold. Those of the last line tell of the training and cannot
// change a score: shrinkage is multiplied into leaf_value already.
func lightgbmTreeKey(key string) bool {
	switch key {
	case "num_leaves", "num_cat", "split_feature", "threshold", "decision_type", "left_child", "right_child",
		"leaf_value", "cat_boundaries", "cat_threshold", "is_linear",
		"leaf_const", "num_features", "leaf_features", "leaf_coeff",
		"split_gain", "leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count", "shrinkage":
		return true
	}
	return false
}

// get returns a field that must be there.
func (r *lightgbmTreeReader) get(key string) (field, error) {
	f, ok := r.fields[key]
	if !ok {
		return field{}, fmt.Errorf("line %d: the tree ends without %s", r.in.number, key)
	}
	return f, nil
}

// build makes the tree of the fields and proves that it is one.
func (r *lightgbmTreeReader) build() (tree, error) {
	f, err := r.get("num_leaves")
	if err != nil {
		return tree{}, err
	}
	leaves, err := f.integer(1, math.MaxInt32)
	if err != nil {
		return tree{}, err
	}
	if f, err = r.get("leaf_value"); err != nil {
		return tree{}, err
	}
	t := tree{}
	if t.leaves, err = numbers(f, leaves, parseFinite); err != nil {
		return tree{}, err
	}
	sets, err := r.readSets(&t)
	if err != nil {
		return tree{}, err
	}
	// From here on num_leaves is known to fit the bytes, and every array is held against it.
	if err := r.readNodes(&t, leaves-1, sets); err != nil {
		return tree{}, err
	}
	if err := r.checkCounts(leaves); err != nil {
		return tree{}, err
	}
	if t.linear, err = r.readLinear(leaves); err != nil {
		return tree{}, err
	}
	if err := t.walk(&r.seen); err != nil {
		return tree{}, fmt.Errorf("line %d: %w", r.fields["num_leaves"].line, err)
	}
	return t, nil
}

// checkCounts holds the fields that tell of the training against the tree. LightGBM leaves them out,
// or empty, in some versions and in trees of one leaf.
func (r *lightgbmTreeReader) checkCounts(leaves int) error {
	if leaves == 1 {
		return nil
	}
	for _, key := range []string{"leaf_weight", "leaf_count"} {
		if f, ok := r.fields[key]; ok && len(f.value) > 0 {
			if err := f.expect(leaves); err != nil {
				return err
			}
		}
	}
	for _, key := range []string{"split_gain", "internal_value", "internal_weight", "internal_count"} {
		if f, ok := r.fields[key]; ok && len(f.value) > 0 {
			if err := f.expect(leaves - 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSets reads the category sets: set k is cat_threshold[cat_boundaries[k]:cat_boundaries[k+1]], and
// bit c of it stands for category c. It returns where in t.sets each set begins, and where the last one
// ends; nil without categories.
func (r *lightgbmTreeReader) readSets(t *tree) ([]uint32, error) {
	f, err := r.get("num_cat")
	if err != nil {
		return nil, err
	}
	count, err := f.integer(0, math.MaxInt32-1)
	if err != nil {
		return nil, err
	}
	if count == 0 {
		for _, key := range []string{"cat_boundaries", "cat_threshold"} {
			if f, ok := r.fields[key]; ok && len(f.value) > 0 {
				return nil, f.failf("stands in a tree whose num_cat is 0")
			}
		}
		return nil, nil
	}
	bounds, err := r.get("cat_boundaries")
	if err != nil {
		return nil, err
	}
	boundaries, err := numbers(bounds, count+1, parseUint32)
	if err != nil {
		return nil, err
	}
	words, err := r.get("cat_threshold")
	if err != nil {
		return nil, err
	}
	if boundaries[0] != 0 {
		return nil, bounds.failf("begins with %d instead of 0", boundaries[0])
	}
	for i, end := range boundaries[1:] {
		if end < boundaries[i] {
			return nil, bounds.failf("falls from %d to %d", boundaries[i], end)
		}
	}
	bits, err := numbers(words, int(boundaries[count]), parseUint32)
	if err != nil {
		return nil, err
	}
	// From here on a set is its words that are not empty.
	starts := make([]uint32, 0, len(boundaries))
	for i, end := range boundaries[1:] {
		starts = append(starts, uint32(len(t.sets)))
		for at := boundaries[i]; at < end; at++ {
			// Categories end at 2³¹ (rules.category).
			if index := at - boundaries[i]; index < 1<<26 && bits[at] != 0 {
				t.sets = append(t.sets, setWord{index: index, bits: bits[at]})
			}
		}
	}
	return append(starts, uint32(len(t.sets))), nil
}

// readNodes reads the arrays of the inner nodes, count of each.
func (r *lightgbmTreeReader) readNodes(t *tree, count int, sets []uint32) error {
	arrays := lightgbmNodes{}
	if err := arrays.read(r, count); err != nil {
		return err
	}
	if count == 0 {
		return nil
	}
	t.nodes = make([]node, count)
	r.used = cleared(r.used, len(sets))
	for i := range t.nodes {
		n := &t.nodes[i]
		n.feature = arrays.feature[i]
		if n.feature < 0 || int(n.feature) >= r.features {
			return r.fields["split_feature"].failf("value %d is feature %d, the last feature is %d", i, n.feature, r.features-1)
		}
		n.left, n.right = arrays.left[i], arrays.right[i]
		if !childFits(n.left, count) {
			return r.fields["left_child"].failf("value %d is %d, which is no node and no leaf of this tree", i, n.left)
		}
		if !childFits(n.right, count) {
			return r.fields["right_child"].failf("value %d is %d, which is no node and no leaf of this tree", i, n.right)
		}
		if err := r.decide(n, i, arrays.decision[i], arrays.threshold[i], sets); err != nil {
			return err
		}
	}
	return nil
}

// childFits says whether a child names one of the tree's nodes or leaves, of which there is one more.
func childFits(child int32, nodes int) bool {
	if child < 0 {
		return int(^child) <= nodes
	}
	return int(child) < nodes
}

// decide reads decision_type and threshold. The bits: 1 categorical, 2 default left, 4 and 8 the
// missing type. For a categorical node the threshold is the number of its set.
func (r *lightgbmTreeReader) decide(n *node, i int, bits int32, threshold float64, sets []uint32) error {
	f := r.fields["decision_type"]
	if bits < 0 || bits > 15 || bits>>2 > int32(missingNaN) {
		return f.failf("value %d is %d, a decision of no known kind", i, bits)
	}
	n.categorical, n.defaultLeft, n.missing = bits&1 != 0, bits&2 != 0, missing(bits>>2)
	if !n.categorical {
		n.threshold = threshold
		return nil
	}
	if len(sets) == 0 {
		return f.failf("value %d is a categorical decision, but the tree's num_cat is 0", i)
	}
	if threshold != math.Trunc(threshold) || threshold < 0 || threshold >= float64(len(sets)-1) {
		return r.fields["threshold"].failf("value %d is %v, and the tree's category sets are 0 to %d", i, threshold, len(sets)-2)
	}
	k := int(threshold)
	if r.used[k] {
		return r.fields["threshold"].failf("value %d is category set %d, which another node has", i, k)
	}
	r.used[k] = true
	n.set = [2]uint32{sets[k], sets[k+1]}
	// NaN goes right whatever the other bits say.
	n.defaultLeft, n.missing = false, missingNaN
	return nil
}

// lightgbmNodes holds a tree's arrays between reading and building.
type lightgbmNodes struct {
	feature, decision, left, right []int32
	threshold                      []float64
}

func (a *lightgbmNodes) read(r *lightgbmTreeReader, count int) error {
	for _, array := range []struct {
		key  string
		into *[]int32
	}{
		{"split_feature", &a.feature},
		{"decision_type", &a.decision},
		{"left_child", &a.left},
		{"right_child", &a.right},
	} {
		f, err := r.optional(array.key, count)
		if err != nil {
			return err
		}
		if *array.into, err = numbers(f, count, parseInt32); err != nil {
			return err
		}
	}
	f, err := r.optional("threshold", count)
	if err != nil {
		return err
	}
	a.threshold, err = numbers(f, count, parseThreshold)
	return err
}

// optional returns a field that must be there unless the tree has no nodes.
func (r *lightgbmTreeReader) optional(key string, count int) (field, error) {
	if f, ok := r.fields[key]; ok || count == 0 {
		return f, nil
	}
	return r.get(key)
}
