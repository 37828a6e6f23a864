package scoring

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// The files with the largest memory for their bytes that a format allows. Each has to open or to be refused
// within memoryFor, which tryOpen holds it to.

// TestTinyTreesAreBounded opens the file with the least text a tree, many of them: what takes time by the square
// of their number does not end.
func TestTinyTreesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\n\n")
	for i := range 200_000 {
		fmt.Fprintf(&b, "Tree=%d\nnum_leaves=1\nnum_cat=0\nleaf_value=1\n\n", i)
	}
	b.WriteString("end of trees\n")
	if !tryOpen(t, []byte(b.String())) {
		t.Error("not opened")
	}
}

// TestOutputsAreBounded has any number of outputs and no trees.
func TestOutputsAreBounded(t *testing.T) {
	for _, classes := range []int{200_000, 2_000_000} {
		tryOpen(t, fmt.Appendf(nil, "tree\nversion=v4\nnum_class=%d\nnum_tree_per_iteration=%d\nmax_feature_idx=0\nfeature_names=a\n\nend of trees\n", classes, classes))
	}
}

// TestCategoriesAreBounded has nodes that share one set, and sets that make their features' codes many.
func TestCategoriesAreBounded(t *testing.T) {
	for _, c := range []struct {
		name            string
		nodes, features int
		shared          bool
		set             string
	}{
		{"a wide set for all nodes", 400, 1, true, strings.Repeat("1 ", 2000)},
		{"a full set for all nodes", 200, 1, true, strings.Repeat("4294967295 ", 1000)},
		{"a large category for all features", 300, 300, true, strings.Repeat("0 ", directCodes/32-1) + "2147483648"},
		{"a full set, and small ones of its feature", 400, 1, false, strings.Repeat("4294967295 ", 2000)},
		{"a large category at every feature", 300, 300, false, strings.Repeat("0 ", directCodes/32-1) + "2147483648"},
	} {
		t.Run(c.name, func(t *testing.T) { tryOpen(t, chainOfSets(c.nodes, c.features, c.shared, c.set)) })
	}
}

// chainOfSets is a file of one tree, a chain of categorical nodes whose features take turns. They share the
// set; or the first has it, and the others where they are of features of their own, else one of a category.
func chainOfSets(nodes, features int, shared bool, set string) []byte {
	var b bytes.Buffer
	list := func(key string, n int, item func(i int) string) {
		b.WriteString(key)
		for i := range n {
			fmt.Fprintf(&b, "%c%s", " ="[(n-i)/n], item(i))
		}
		b.WriteByte('\n')
	}
	number := func(i int) string { return fmt.Sprint(i) }
	one := func(int) string { return "1" }
	sets, size := 1, len(strings.Fields(set))
	bounds, words := []int{0, size}, []string{set}
	for sets < nodes && !shared {
		if features == nodes {
			words, bounds = append(words, set), append(bounds, bounds[sets]+size)
		} else {
			words, bounds = append(words, "1"), append(bounds, bounds[sets]+1)
		}
		sets++
	}
	fmt.Fprintf(&b, "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=%d\n", features-1)
	list("feature_names", features, number)
	fmt.Fprintf(&b, "\nTree=0\nnum_leaves=%d\nnum_cat=%d\n", nodes+1, sets)
	list("split_feature", nodes, func(i int) string { return number(i % features) })
	list("threshold", nodes, func(i int) string { return number(i % sets) })
	list("decision_type", nodes, one)
	list("left_child", nodes, func(i int) string { return number(^i) })
	list("right_child", nodes, func(i int) string {
		if i == nodes-1 {
			return number(^nodes)
		}
		return number(i + 1)
	})
	list("leaf_value", nodes+1, one)
	list("cat_boundaries", len(bounds), func(i int) string { return number(bounds[i]) })
	list("cat_threshold", len(words), func(i int) string { return strings.TrimSpace(words[i]) })
	b.WriteString("\nend of trees\n")
	return b.Bytes()
}

// TestJunkIsBounded has 50 MB of next to nothing, in places where a reader collects.
func TestJunkIsBounded(t *testing.T) {
	for name, junk := range map[string]string{
		"zeros": "\x00", "spaces": " ", "lines": "\n", "names": "a ", "numbers": "1 ", "open": "[", "objects": `{"a":`, "objects of UBJSON": "{L",
	} {
		for _, head := range []string{"", "tree\n", small[:strings.Index(small, "leaf_value=0.1")] + "leaf_value=", "{\"learner\":", "{L\x00\x00\x00\x00\x00\x00\x00\x07learner{"} {
			data := append([]byte(head), bytes.Repeat([]byte(junk), 50_000_000/len(junk))...)
			if tryOpen(t, data) {
				t.Errorf("%s behind %q: a model", name, head[:min(len(head), 10)])
			}
		}
	}
}
