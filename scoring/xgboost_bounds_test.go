package scoring

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestXGBoostCategoriesAreBounded has categories that take more room in an engine than in the file: many codes
// told apart by sets of one, and XGBoost 1.6's complements of large ones.
func TestXGBoostCategoriesAreBounded(t *testing.T) {
	var all strings.Builder
	for i := range 60000 {
		fmt.Fprintf(&all, "%d,", i)
	}
	wide := strings.TrimSuffix(all.String(), ",")
	one := func(category string) func(int, int) (string, int) {
		return func(int, int) (string, int) { return category, 1 }
	}
	for _, c := range []struct {
		name, version string
		trees, nodes  int
		set           func(tree, node int) (categories string, size int)
	}{
		{"sets of one among many", "[2,1,0]", 8, 500, func(tree, node int) (string, int) {
			if tree == 0 && node == 0 {
				return wide, 60000
			}
			return "40000", 1
		}},
		{"complements of a large one", "[1,6,2]", 4, 500, one("8191")},
		{"complements of one that is less so", "[1,6,2]", 4, 500, one("1500")},
		{"complements of small ones", "[1,6,2]", 4, 500, one("700")},
	} {
		t.Run(c.name, func(t *testing.T) { tryOpen(t, xgboostChain(c.version, c.trees, c.nodes, c.set)) })
	}
}

// xgboostChain is a file of trees that are chains of categorical nodes: node i is 2i, its left child the leaf
// 2i+1, its right one the next node.
func xgboostChain(version string, trees, nodes int, set func(tree, node int) (string, int)) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"version":%s,"learner":{"attributes":{},"learner_model_param":{"base_score":"5E-1","num_class":"0",`+
		`"num_feature":"1","num_target":"1"},"objective":{"name":"reg:squarederror","reg_loss_param":{"scale_pos_weight":"1"}},`+
		`"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"%d"},"tree_info":[%s],"trees":[`,
		version, trees, strings.TrimSuffix(strings.Repeat("0,", trees), ","))
	count := 2*nodes + 1
	inner := func(id int) bool { return id%2 == 0 && id < 2*nodes }
	list := func(key string, n int, item func(i int) any) {
		fmt.Fprintf(&b, `"%s":[`, key)
		for i := range n {
			fmt.Fprintf(&b, "%v,", item(i))
		}
		b.Truncate(b.Len() - 1)
		b.WriteString("],")
	}
	where := func(yes func(id int) bool, then func(id int) int, otherwise int) func(int) any {
		return func(id int) any {
			if yes(id) {
				return then(id)
			}
			return otherwise
		}
	}
	zero := func(int) any { return 0 }
	for k := range trees {
		fmt.Fprintf(&b, `{"id":%d,"tree_param":{"num_deleted":"0","num_feature":"1","num_nodes":"%d","size_leaf_vector":"1"},`, k, count)
		list("left_children", count, where(inner, func(id int) int { return id + 1 }, -1))
		list("right_children", count, where(inner, func(id int) int { return id + 2 }, -1))
		list("parents", count, where(func(id int) bool { return id > 0 }, func(id int) int { return (id - 1) / 2 * 2 }, -1))
		list("split_indices", count, zero)
		list("split_conditions", count, zero)
		list("default_left", count, zero)
		list("split_type", count, where(inner, func(int) int { return 1 }, 0))
		list("categories_nodes", nodes, func(i int) any { return 2 * i })
		at := 0
		list("categories_segments", nodes, func(i int) any { _, n := set(k, i); at += n; return at - n })
		list("categories_sizes", nodes, func(i int) any { _, n := set(k, i); return n })
		list("categories", nodes, func(i int) any { categories, _ := set(k, i); return categories })
		b.Truncate(b.Len() - 1)
		b.WriteString("},")
	}
	b.Truncate(b.Len() - 1)
	b.WriteString("]}}}}")
	return b.Bytes()
}
