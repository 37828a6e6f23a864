package scoring

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// smallXGBoost is a valid model written by hand: a tree of numeric nodes, two of which were pruned away, one
// that tells categories apart, and one of a single leaf.
const smallXGBoost = `{
"version": [3, 2, 0],
"learner": {
"attributes": {"best_iteration": "0"},
"feature_names": ["a", "b", "c"],
"feature_types": ["q", "q", "c"],
"learner_model_param": {"base_score": "[5E-1]", "boost_from_average": "1", "num_class": "0", "num_feature": "3", "num_target": "1"},
"objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}},
"gradient_booster": {"name": "gbtree", "model": {
"gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "3"},
"cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
"iteration_indptr": [0, 1, 2, 3],
"tree_info": [0, 0, 0],
"trees": [{
"id": 0,
"tree_param": {"num_deleted": "2", "num_feature": "3", "num_nodes": "7", "size_leaf_vector": "1"},
"left_children": [1, 3, -1, -1, -1, -1, -1],
"right_children": [2, 4, -1, -1, -1, -1, -1],
"parents": [2147483647, 0, 0, 1, 1, 2, 2],
"split_indices": [0, 1, 0, 0, 0, 2147483647, 2147483647],
"split_conditions": [5E-1, -1.5E0, 3E-1, 1E-1, 2E-1, 0E0, 0E0],
"default_left": [1, 0, 0, 0, 0, 0, 0],
"split_type": [0, 0, 0, 0, 0, 0, 0],
"categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
"base_weights": [0E0, 0E0, 0E0, 0E0, 0E0, 0E0, 0E0],
"loss_changes": [1E0, NaN, 0E0, Infinity, 0E0, 0E0, 0E0],
"sum_hessian": [4E0, 2E0, 2E0, 1E0, 1E0, 0E0, 0E0]
}, {
"id": 1,
"tree_param": {"num_deleted": "0", "num_feature": "3", "num_nodes": "5", "size_leaf_vector": "1"},
"left_children": [1, -1, 3, -1, -1],
"right_children": [2, -1, 4, -1, -1],
"parents": [2147483647, 0, 0, 2, 2],
"split_indices": [2, 0, 2, 0, 0],
"split_conditions": [1E-45, 1E0, 1E-45, 2E0, 3E0],
"default_left": [0, 0, 1, 0, 0],
"split_type": [1, 0, 1, 1, 0],
"categories": [1, 2, 64, 7], "categories_nodes": [0, 2, 3], "categories_segments": [0, 2, 3], "categories_sizes": [2, 1, 1],
"base_weights": [0E0, 0E0, 0E0, 0E0, 0E0], "loss_changes": [1E0, 0E0, 0E0, 0E0, 0E0], "sum_hessian": [2E0, 1E0, 1E0, 0E0, 0E0]
}, {
"id": 2,
"tree_param": {"num_deleted": "0", "num_feature": "3", "num_nodes": "1", "size_leaf_vector": "1"},
"left_children": [-1], "right_children": [-1], "parents": [2147483647], "split_indices": [0], "split_conditions": [-2.5E-1], "default_left": [0],
"split_type": [0], "categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": [],
"base_weights": [0E0], "loss_changes": [0E0], "sum_hessian": [4E0]
}]}}}}`

// smallVector is a model of one tree whose leaves are vectors, as XGBoost 3.2 writes them.
const smallVector = `{"version":[3,2,0],"learner":{"attributes":{},
"learner_model_param":{"base_score":"[0E0]","num_class":"0","num_feature":"1","num_target":"2"},
"objective":{"name":"reg:squarederror"},
"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"1"},"tree_info":[0],"trees":[{
"id":0,"tree_param":{"num_feature":"1","num_nodes":"3","size_leaf_vector":"2"},
"left_children":[1,-1,-1],"right_children":[2,1,0],"parents":[-1,0,0],"split_indices":[0,0,0],
"split_conditions":[5E-1,0E0,0E0],"default_left":[1,0,0],
"base_weights":[0E0,0E0,1E0,2E0,3E0,4E0],"leaf_weights":[3E0,4E0,1E0,2E0]}]}}}}`

// smallLinear is a linear model of two features and two outputs.
const smallLinear = `{"version":[3,2,0],"learner":{
"learner_model_param":{"base_score":"[1E0,2E0]","num_class":"2","num_feature":"2"},
"objective":{"name":"multi:softprob"},
"gradient_booster":{"name":"gblinear","model":{"boosted_rounds":1,"weights":[1E0,2E0,3E0,4E0,5E-1,6E-1]}}}}`

func TestSmallXGBoostIsValid(t *testing.T) {
	for _, c := range []struct {
		name, text string
		row, want  []float64
	}{
		// 0.5 + the leaf of each tree. a = 0.4 and b = -2 go left twice; 2 is of the set, so right, and not 64.
		{"trees", smallXGBoost, []float64{0.4, -2, 2}, []float64{float64(float32(0.5) + float32(0.1) + 2 - 0.25)}},
		// Missing goes to the default sides: left to the second node and right from it; right of the first set and left of the second.
		{"missing", smallXGBoost, []float64{math.NaN(), math.NaN(), math.NaN()}, []float64{float64(float32(0.5) + float32(0.2) + 2 - 0.25)}},
		{"never seen", smallXGBoost, []float64{0.5, 0, 1 << 24}, []float64{float64(float32(0.5) + float32(0.3) + 1 - 0.25)}},
		{"vector", smallVector, []float64{0.4}, []float64{1, 2}},
		{"vector, right", smallVector, []float64{0.5}, []float64{3, 4}},
		{"linear", smallLinear, []float64{2, math.NaN()}, []float64{3.5, float64(float32(0.6) + 1 + 4)}},
	} {
		for _, data := range [][]byte{[]byte(c.text), asUBJSON(t, c.text)} {
			m, err := Open(data, Options{})
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			got := make([]float64, m.Margins())
			if err := m.PredictRaw(got, c.row); err != nil {
				t.Fatal(err)
			}
			sameBits32(t, c.name+" margin", got, c.want)
		}
	}
}

// xgboostEdits are changes to a small model, one fault each, and a piece of the line that must come of it.
var xgboostEdits = []struct{ name, model, from, to, want string }{
	{"root unknown", smallXGBoost, `"version"`, `"extra": 1, "version"`, `: field "extra" is not known`},
	{"root twice", smallXGBoost, `"version"`, `"version": 1, "version"`, `: field "version" stands twice`},
	{"snapshot", smallXGBoost, `"version": [3, 2, 0],`, `"Config": {}, "Model": {},`, "a memory snapshot of a booster"},
	{"no version", smallXGBoost, `"version": [3, 2, 0],`, "", ": version is missing"},
	{"version 4", smallXGBoost, `[3, 2, 0]`, `[4, 0, 0]`, ": version: 4.0.0 is not known; 1.0 to 3.x are read"},
	{"version 0", smallXGBoost, `[3, 2, 0]`, `[0, 90, 0]`, ": version: 0.90.0 is not known"},
	{"version short", smallXGBoost, `[3, 2, 0]`, `[3, 2]`, ": version: 2 values where 3 belong"},
	{"version text", smallXGBoost, `[3, 2, 0]`, `"3.2.0"`, ": version: a text where an array belongs"},
	{"version of texts", smallXGBoost, `[3, 2, 0]`, `["3", "2", "0"]`, ": version[0]: a text where a number belongs"},
	{"version fractional", smallXGBoost, `[3, 2, 0]`, `[3.5, 2, 0]`, ": version[0]: not a whole number of 32 bits"},
	{"learner array", smallXGBoost, `"attributes": {"best_iteration": "0"},`, `"attributes": {}}, "learner": {`, `: field "learner" stands twice`},
	{"learner unknown", smallXGBoost, `"attributes"`, `"calibration": {}, "attributes"`, `: learner: field "calibration" is not known, and might change scores`},
	{"configuration", smallXGBoost, `"attributes"`, `"generic_param": {}, "attributes"`, "a booster's configuration (save_config) holds no trees"},
	{"attributes", smallXGBoost, `{"best_iteration": "0"}`, `[]`, ": learner.attributes: an array where an object belongs"},
	{"no parameters", smallLinear, `"learner_model_param":{"base_score":"[1E0,2E0]","num_class":"2","num_feature":"2"},`, "", ": learner: learner_model_param is missing"},
	{"parameter unknown", smallXGBoost, `"num_target"`, `"num_scale": "2", "num_target"`, `: learner.learner_model_param: field "num_scale" is not known`},
	{"classes word", smallXGBoost, `"num_class": "0"`, `"num_class": "two"`, `: learner.learner_model_param.num_class: "two" is not a whole number`},
	{"classes number", smallXGBoost, `"num_class": "0"`, `"num_class": 0`, `: learner.learner_model_param.num_class: a number where a text belongs`},
	{"classes negative", smallXGBoost, `"num_class": "0"`, `"num_class": "-1"`, `num_class: -1 is outside`},
	{"classes enormous", smallXGBoost, `"num_class": "0"`, `"num_class": "2000000000"`, "2000000000 outputs, but 3 trees"},
	{"targets 0", smallXGBoost, `"num_target": "1"`, `"num_target": "0"`, "num_target: 0 is outside"},
	{"targets of classes", smallXGBoost, `"num_class": "0", "num_feature": "3", "num_target": "1"`, `"num_class": "3", "num_feature": "3", "num_target": "2"`, "num_target: 2 targets of 3 classes"},
	{"targets enormous", smallVector, `"num_target":"2"`, `"num_target":"2000000000"`, "size_leaf_vector: 2, but the model has 2000000000 outputs"},
	{"average", smallXGBoost, `"boost_from_average": "1"`, `"boost_from_average": "2"`, "boost_from_average: 2 is outside 0 to 1"},
	{"score", smallXGBoost, `"[5E-1]"`, `"[half]"`, `base_score: "[half]" is no finite number, or a list of them`},
	{"score empty", smallXGBoost, `"[5E-1]"`, `"[]"`, `base_score: "[]" is no finite number`},
	{"score NaN", smallXGBoost, `"[5E-1]"`, `"NaN"`, `base_score: "NaN" is no finite number`},
	{"score overflows", smallXGBoost, `"[5E-1]"`, `"1E39"`, `base_score: "1E39" is no finite number`},
	{"scores", smallXGBoost, `"[5E-1]"`, `"[5E-1,1E0]"`, "base_score: 2 values for 1 outputs"},
	{"no score", smallXGBoost, `"base_score": "[5E-1]", `, "", "learner.learner_model_param: base_score is missing"},
	{"features enormous", smallXGBoost, `"num_feature": "3", "num_target"`, `"num_feature": "2000000000", "num_target"`, "3 types for 2000000000 features"},
	{"features enormous without names", smallVector, `"num_feature":"1","num_target"`, `"num_feature":"2000000000","num_target"`, "num_feature: 2000000000 features without names in a file of"},
	{"features 0", smallXGBoost, `"num_feature": "3", "num_target"`, `"num_feature": "0", "num_target"`, "num_feature: 0 is outside"},
	{"names short", smallXGBoost, `["a", "b", "c"]`, `["a", "b"]`, "learner.feature_names: 2 names for 3 features"},
	{"name twice", smallXGBoost, `["a", "b", "c"]`, `["a", "b", "a"]`, `learner.feature_names: "a" stands twice`},
	{"name empty", smallXGBoost, `["a", "b", "c"]`, `["a", "", "c"]`, "learner.feature_names: a name is empty"},
	{"name number", smallXGBoost, `["a", "b", "c"]`, `["a", 1, "c"]`, "learner.feature_names[1]: a number where a text belongs"},
	{"types short", smallXGBoost, `["q", "q", "c"]`, `["q"]`, "learner.feature_types: 1 types for 3 features"},
	{"objective", smallXGBoost, `reg:squarederror`, `reg:quintic`, `learner.objective.name: objective "reg:quintic" is not known`},
	{"objective unknown", smallXGBoost, `"reg_loss_param"`, `"link_param"`, `learner.objective: field "link_param" is not known`},
	{"no objective", smallXGBoost, `"name": "reg:squarederror", `, "", "learner.objective: name is missing"},
	{"score of poisson", smallXGBoost, `"base_score": "[5E-1]", "boost_from_average": "1", "num_class": "0", "num_feature": "3", "num_target": "1"},
"objective": {"name": "reg:squarederror"`, `"base_score": "[0E0]", "num_class": "0", "num_feature": "3"},
"objective": {"name": "count:poisson"`, "base_score: 0 has no margin under count:poisson"},
	{"levels", smallXGBoost, `"reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}`, `"reg:expectileerror", "expectile_loss_param": {"expectile_alpha": "[0.1, 0.5]"}`, "expectile_alpha: 2 levels for 1 outputs"},
	{"booster", smallXGBoost, `"gbtree"`, `"gbforest"`, `learner.gradient_booster.name: booster "gbforest" is not known`},
	{"booster unknown", smallXGBoost, `"name": "gbtree"`, `"name": "gbtree", "bias": 1`, `learner.gradient_booster: field "bias" is not known`},
	{"dart without trees", smallXGBoost, `"name": "gbtree"`, `"weight_drop": [1.0, 1.0, 1.0], "name": "dart"`, "learner.gradient_booster: gbtree is missing"},
	{"dart without weights", smallXGBoost, `"name": "gbtree"`, `"name": "dart"`, "learner.gradient_booster: weight_drop is missing"},
	{"weights short", smallXGBoost, `"name": "gbtree"`, `"weight_drop": [1.0, 1.0], "name": "gbtree"`, "weight_drop: 2 values for 3 trees"},
	{"weight NaN", smallXGBoost, `"name": "gbtree"`, `"weight_drop": [1.0, NaN, 1.0], "name": "gbtree"`, "weight_drop[1]: NaN is not a finite number"},
	{"weight enormous", smallXGBoost, `"name": "gbtree"`, `"weight_drop": [1.0, 3E38, 1.0], "name": "gbtree"`, "trees[1]: its leaf 3 times its weight 3e+38 is beyond float32"},
	{"weights twice", smallXGBoost, `"name": "gbtree", "model": {`, `"weight_drop": [1.0, 1.0, 1.0], "name": "gbtree", "model": {"weight_drop": [1.0, 1.0, 1.0],`, "learner.gradient_booster.weight_drop: stands beside the model and in it"},
	{"model unknown", smallXGBoost, `"cats"`, `"leaf_scale": 2, "cats"`, `learner.gradient_booster.model: field "leaf_scale" is not known`},
	{"fewer trees", smallXGBoost, `"num_trees": "3"`, `"num_trees": "4"`, "num_trees: 4, but there are 3 trees"},
	{"trees enormous", smallXGBoost, `"num_trees": "3"`, `"num_trees": "2000000000"`, "num_trees: 2000000000, but there are 3 trees"},
	{"groups short", smallXGBoost, `"tree_info": [0, 0, 0]`, `"tree_info": [0, 0]`, "tree_info: 2 values where 3 belong"},
	{"group beyond", smallXGBoost, `"tree_info": [0, 0, 0]`, `"tree_info": [0, 1, 0]`, "learner.gradient_booster.model.tree_info[1]: output 1, the last is 0"},
	{"group negative", smallXGBoost, `"tree_info": [0, 0, 0]`, `"tree_info": [0, -1, 0]`, "tree_info[1]: output -1"},
	{"rounds end", smallXGBoost, `[0, 1, 2, 3]`, `[0, 1, 2]`, "iteration_indptr: ends with tree 2, but there are 3"},
	{"rounds fall", smallXGBoost, `[0, 1, 2, 3]`, `[0, 2, 1, 3]`, "iteration_indptr[2]: round begins at tree 1"},
	{"rounds begin", smallXGBoost, `[0, 1, 2, 3]`, `[1, 2, 3]`, "iteration_indptr[0]: round begins at tree 1"},
	{"cats unknown", smallXGBoost, `"enc"`, `"remap"`, `model.cats: field "remap" is not known`},
	{"cats short", smallXGBoost, `"enc": []`, `"enc": [{}]`, "model.cats.enc: 1 values for 3 features"},
	{"tree unknown", smallXGBoost, `"id": 1`, `"scale": 2, "id": 1`, `model.trees[1]: field "scale" is not known`},
	{"tree twice", smallXGBoost, `"id": 1`, `"id": 1, "id": 1`, `model.trees[1]: field "id" stands twice`},
	{"tree number", smallXGBoost, `"id": 1`, `"id": 2`, "trees[1].id: 2, but the tree is number 1"},
	{"tree text", smallLinear, `{"name":"gblinear","model":{"boosted_rounds":1,"weights":[1E0,2E0,3E0,4E0,5E-1,6E-1]}}`, `{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"1"},"tree_info":[0],"trees":["x"]}}`, "model.trees[0]: a text where an object belongs"},
	{"no nodes", smallXGBoost, `"num_nodes": "7"`, `"num_nodes": "0"`, "tree_param.num_nodes: 0 is outside"},
	{"nodes enormous", smallXGBoost, `"num_nodes": "7"`, `"num_nodes": "2000000000"`, "trees[0].left_children: 7 values where 2000000000 belong"},
	{"nodes beyond int", smallXGBoost, `"num_nodes": "7"`, `"num_nodes": "99999999999999999999"`, "is not a whole number"},
	{"left short", smallXGBoost, `"left_children": [1, 3, -1,`, `"left_children": [1, 3,`, "left_children: 6 values where 7 belong"},
	{"gains short", smallXGBoost, `"loss_changes": [1E0, NaN,`, `"loss_changes": [1E0,`, "loss_changes: 6 values where 7 belong"},
	{"weights of nodes", smallXGBoost, `"base_weights": [0E0, 0E0, 0E0, 0E0, 0E0, 0E0, 0E0]`, `"base_weights": [0E0]`, "base_weights: 1 values where 7 belong"},
	{"no conditions", smallXGBoost, `"split_conditions": [5E-1, -1.5E0, 3E-1, 1E-1, 2E-1, 0E0, 0E0],`, "", "trees[0]: split_conditions is missing"},
	{"child beyond", smallXGBoost, `"left_children": [1, 3,`, `"left_children": [1, 999,`, "trees[0].left_children[1]: node 999, the last is 6"},
	{"child negative", smallXGBoost, `"left_children": [1, 3,`, `"left_children": [1, -2,`, "left_children[1]: node -2"},
	{"right child beyond", smallXGBoost, `"right_children": [2, 4,`, `"right_children": [2, 7,`, "right_children[1]: node 7, the last is 6"},
	{"child is root", smallXGBoost, `"left_children": [1, 3,`, `"left_children": [1, 0,`, "left_children[1]: node 0, the last is 6"},
	{"cycle", smallXGBoost, `"left_children": [1, 3,`, `"left_children": [1, 1,`, "left_children[1]: node 1 is reached twice"},
	{"knot", smallXGBoost, `"right_children": [2, 4,`, `"right_children": [2, 2,`, "right_children[1]: node 2 is reached twice"},
	{"twin children", smallXGBoost, `"right_children": [2, 4,`, `"right_children": [1, 4,`, "right_children[0]: node 1 is reached twice"},
	{"children apart", smallXGBoost, `"right_children": [2, 4, -1, -1, -1, -1, -1],
"parents": [2147483647, 0, 0, 1, 1, 2, 2],
"split_indices": [0, 1, 0, 0, 0, 2147483647,`, `"right_children": [2, 5, -1, -1, -1, -1, -1],
"parents": [2147483647, 0, 0, 1, 1, 1, 2],
"split_indices": [0, 1, 0, 0, 2147483647, 0,`, "right_children[1]: node 5 is not beside the left child, which is 3"},
	{"parent", smallXGBoost, `"parents": [2147483647, 0, 0, 1,`, `"parents": [2147483647, 0, 0, 2,`, "trees[0].parents[3]: 2, but it is a child of 1"},
	{"node lost", smallXGBoost, `"left_children": [1, 3,`, `"left_children": [1, -1,`, "trees[0]: node 3 is never reached from the root"},
	{"deleted miscounted", smallXGBoost, `"num_deleted": "2"`, `"num_deleted": "1"`, "num_deleted: 1, but 2 nodes are never reached"},
	{"feature beyond", smallXGBoost, `"split_indices": [0, 1,`, `"split_indices": [0, 99,`, "learner.gradient_booster.model.trees[0].split_indices[1]: feature 99, the last is 2"},
	{"feature negative", smallXGBoost, `"split_indices": [0, 1,`, `"split_indices": [0, -1,`, "split_indices[1]: feature -1"},
	{"feature beyond 32 bits", smallXGBoost, `"split_indices": [0, 1,`, `"split_indices": [0, 4294967296,`, "trees[0].split_indices["},
	{"condition NaN", smallXGBoost, `[5E-1, -1.5E0,`, `[NaN, -1.5E0,`, "trees[0].split_conditions[0]: NaN is not a number"},
	{"leaf NaN", smallXGBoost, `3E-1, 1E-1`, `3E-1, NaN`, "trees[0].split_conditions[3]: NaN is not a finite number"},
	{"leaf infinite", smallXGBoost, `3E-1, 1E-1`, `3E-1, -Infinity`, "split_conditions[3]: -Inf is not a finite number"},
	{"condition text", smallXGBoost, `[5E-1, -1.5E0,`, `["5E-1", -1.5E0,`, "trees[0].split_conditions[0]: a text where a number belongs"},
	{"default", smallXGBoost, `"default_left": [1, 0,`, `"default_left": [1, 2,`, "default_left[1]: 2 is neither 0 nor 1"},
	{"split type", smallXGBoost, `"split_type": [1,`, `"split_type": [2,`, "trees[1].split_type[0]: 2 is no type of split"},
	{"no set", smallXGBoost, `"split_type": [0, 0,`, `"split_type": [0, 1,`, "trees[0].split_type[1]: the node tells categories apart, but has none"},
	{"no sets", smallXGBoost, `"categories_nodes": [0, 2, 3], `, "", "split_type[0]: the node tells categories apart, but has none"},
	{"no categories", smallXGBoost, `"categories": [1, 2, 64, 7], `, "", "trees[1]: categories is missing"},
	{"sets out of order", smallXGBoost, `"categories_nodes": [0, 2, 3]`, `"categories_nodes": [2, 0, 3]`, "categories_nodes[1]: 0 is no node after those before it"},
	{"set of no node", smallXGBoost, `"categories_nodes": [0, 2, 3]`, `"categories_nodes": [0, 2, 5]`, "categories_nodes[2]: 5 is no node"},
	{"segments short", smallXGBoost, `"categories_segments": [0, 2, 3]`, `"categories_segments": [0, 2]`, "categories_segments: 2 values where 3 belong"},
	{"segments overlap", smallXGBoost, `"categories_segments": [0, 2, 3]`, `"categories_segments": [0, 1, 3]`, "categories_segments[1]: begins at 1, the set before ends at 2"},
	{"segment beyond", smallXGBoost, `"categories_sizes": [2, 1, 1]`, `"categories_sizes": [2, 1, 9]`, "categories_sizes[2]: 9 categories, where 1 are left"},
	{"segment empty", smallXGBoost, `"categories_sizes": [2, 1, 1]`, `"categories_sizes": [2, 0, 1]`, "categories_sizes[1]: 0 categories"},
	{"categories left over", smallXGBoost, `"categories": [1, 2, 64, 7]`, `"categories": [1, 2, 64, 7, 8]`, "categories: 5 values where 4 belong"},
	{"category beyond", smallXGBoost, `"categories": [1, 2, 64, 7]`, `"categories": [1, 16777216, 64, 7]`, "trees[1].categories[1]: category 16777216, the last is 16777215"},
	{"category negative", smallXGBoost, `"categories": [1, 2, 64, 7]`, `"categories": [-1, 2, 64, 7]`, "categories[0]: category -1"},
	{"categories of 1.4", smallXGBoost, `[3, 2, 0]`, `[1, 4, 2]`, "XGBoost 1.4.2 scores categories on GPUs only"},
	{"categories of 1.6 enormous", strings.Replace(smallXGBoost, `[3, 2, 0]`, `[1, 6, 2]`, 1), `"categories": [1, 2, 64, 7]`, `"categories": [1, 16777215, 64, 7]`, "trees[1].split_type[0]: categories are too large to be scored as XGBoost 1.6.2 does"},
	{"leaf weights", smallXGBoost, `"id": 2,`, `"id": 2, "leaf_weights": [1.0],`, "trees[2].leaf_weights: stands in a tree whose leaves are no vectors"},
	{"vector of one output", smallXGBoost, `"num_nodes": "7", "size_leaf_vector": "1"`, `"num_nodes": "7", "size_leaf_vector": "3"`, "size_leaf_vector: 3, but the model has 1 outputs"},
	{"vector of an output", smallVector, `"tree_info":[0]`, `"tree_info":[1]`, "adds to those from 1 on"},
	{"vectors short", smallVector, `"leaf_weights":[3E0,4E0,1E0,2E0]`, `"leaf_weights":[3E0,4E0,1E0]`, "leaf_weights: 3 values are no leaves of 2 outputs"},
	{"vector beyond", smallVector, `"right_children":[2,1,0]`, `"right_children":[2,1,2]`, "right_children[2]: leaf 2, but there are 2, each of which stands once"},
	{"vector negative", smallVector, `"right_children":[2,1,0]`, `"right_children":[2,1,-1]`, "right_children[2]: leaf -1"},
	{"vector twice", smallVector, `"right_children":[2,1,0]`, `"right_children":[2,1,1]`, "right_children[2]: leaf 1"},
	{"vector NaN", smallVector, `"leaf_weights":[3E0,4E0,1E0,2E0]`, `"leaf_weights":[3E0,4E0,1E0,NaN]`, "trees[0].leaf_weights[3]: NaN is not a finite number"},
	{"old vectors short", smallVector, `3E0,4E0],"leaf_weights":[3E0,4E0,1E0,2E0]`, `3E0]`, "base_weights: 5 values where 3 nodes of 2 outputs belong"},
	{"old vectors long", smallVector, `3E0,4E0],"leaf_weights":[3E0,4E0,1E0,2E0]`, `3E0,4E0,5E0,6E0]`, "base_weights: 8 values where 3 nodes of 2 outputs belong"},
	{"vectors enormous", strings.Replace(smallVector, `"num_target":"2"`, `"num_target":"2000000000"`, 1), `"size_leaf_vector":"2"},
"left_children":[1,-1,-1],"right_children":[2,1,0],"parents":[-1,0,0],"split_indices":[0,0,0],
"split_conditions":[5E-1,0E0,0E0],"default_left":[1,0,0],
"base_weights":[0E0,0E0,1E0,2E0,3E0,4E0],"leaf_weights":[3E0,4E0,1E0,2E0]`, `"size_leaf_vector":"2000000000"},
"left_children":[1,-1,-1],"right_children":[2,1,0],"parents":[-1,0,0],"split_indices":[0,0,0],
"split_conditions":[5E-1,0E0,0E0],"default_left":[1,0,0],"leaf_weights":[]`, "right_children[1]: leaf 1, but there are 0"},
	{"no vectors", smallVector, `"base_weights":[0E0,0E0,1E0,2E0,3E0,4E0],"leaf_weights"`, `"loss_changes":[],"leaf_weights_"`, `field "leaf_weights_" is not known`},
	{"vectors missing", smallVector, `"base_weights":[0E0,0E0,1E0,2E0,3E0,4E0],"leaf_weights":[3E0,4E0,1E0,2E0]`, `"sum_hessian":[0E0,0E0,0E0]`, "trees[0]: base_weights is missing"},
	{"linear short", smallLinear, `5E-1,6E-1]`, `5E-1]`, "learner.gradient_booster.model.weights: 5 values for 2 features and a bias of 2 outputs"},
	{"linear NaN", smallLinear, `[1E0,2E0,3E0`, `[1E0,NaN,3E0`, "weights[1]: NaN is not a finite number"},
	{"linear unknown", smallLinear, `"boosted_rounds"`, `"scale"`, `model: field "scale" is not known`},
	{"linear classes enormous", smallLinear, `"[1E0,2E0]","num_class":"2"`, `"1E0","num_class":"2000000000"`, "6 values for 2 features and a bias of 2000000000 outputs"},
	{"linear dart", smallLinear, `"name":"gblinear"`, `"name":"gblinear","weight_drop":[]`, "weight_drop: stands in a booster that has no trees"},
	{"linear trees", smallLinear, `"name":"gblinear"`, `"name":"gblinear","gbtree":{}`, "gbtree: stands in a booster that is not dart"},
	{"never trained", smallLinear, `"[1E0,2E0]","num_class":"2","num_feature":"2"},
"objective":{"name":"multi:softprob"},
"gradient_booster":{"name":"gblinear","model":{"boosted_rounds":1,"weights":[1E0,2E0,3E0,4E0,5E-1,6E-1]`, `"0E0","num_class":"2000000000","num_feature":"2"},
"objective":{"name":"multi:softprob"},
"gradient_booster":{"name":"gblinear","model":{"boosted_rounds":0,"weights":[]`, "weights: is empty: the model was never trained"},
}

func TestHostileXGBoost(t *testing.T) {
	for _, edit := range xgboostEdits {
		t.Run(edit.name, func(t *testing.T) {
			if strings.Count(edit.model, edit.from) < 1 {
				t.Fatalf("the model does not hold %q", edit.from)
			}
			text := strings.Replace(edit.model, edit.from, edit.to, 1)
			for _, data := range [][]byte{[]byte(text), asUBJSON(t, text)} {
				_, err := Open(data, Options{})
				if err == nil || !strings.Contains(err.Error(), edit.want) {
					t.Fatalf("Open = %v, want %q", err, edit.want)
				}
				if strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 300 {
					t.Errorf("not one short line: %q", err)
				}
			}
		})
	}
}

// TestXGBoostTruncations cuts files everywhere.
func TestXGBoostTruncations(t *testing.T) {
	for _, data := range [][]byte{[]byte(smallXGBoost), asUBJSON(t, smallXGBoost)} {
		for n := range data {
			if _, err := Open(data[:n], Options{}); err == nil {
				t.Fatalf("the first %d of %d bytes were taken for a whole model", n, len(data))
			}
		}
	}
}

// TestXGBoostMutations damages bytes at random. What still opens must score without a hang, and as our
// reading of the file says.
func TestXGBoostMutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"xgboost_category_partition.json", "xgboost_category_partition.ubj", "xgboost_vector.ubj", "xgboost_3_4_1_vector_dart.json", "xgboost_gblinear_multi.ubj", "xgboost_1_6_2_category.json"} {
		whole, err := os.ReadFile(filepath.Join(models, name))
		if err != nil {
			t.Fatal(err)
		}
		opened := 0
		for range 500 {
			data := bytes.Clone(whole)
			for range 1 + rng.IntN(3) {
				at := rng.IntN(len(data))
				if strings.HasSuffix(name, ".json") {
					data[at] = "0123456789-.e,[]{}\" "[rng.IntN(20)]
				} else {
					data[at] ^= 1 << rng.IntN(8)
				}
			}
			if tryOpen(t, data) {
				opened++
			}
		}
		t.Logf("%s: %d of 500 damaged files still were models", name, opened)
	}
}

// TestXGBoostMemoryIsBounded opens the files that take the most memory for their bytes.
func TestXGBoostMemoryIsBounded(t *testing.T) {
	tree := smallXGBoost[strings.Index(smallXGBoost, `"tree_param": {"num_deleted": "0", "num_feature": "3", "num_nodes": "1"`):strings.LastIndex(smallXGBoost, "}]}}}}")]
	forest := strings.Replace(smallXGBoost[:strings.Index(smallXGBoost, `"trees": [{`)], "\"iteration_indptr\": [0, 1, 2, 3],\n", "", 1)
	const trees = 5000
	forest = strings.Replace(forest, `"num_trees": "3"`, fmt.Sprintf(`"num_trees": "%d"`, trees), 1)
	forest = strings.Replace(forest, `[0, 0, 0]`, "[0"+strings.Repeat(",0", trees-1)+"]", 1)
	forest += `"trees": [{` + strings.TrimSuffix(strings.Repeat(tree+"},{", trees), ",{") + "]}}}}"

	names := make([]string, 200000)
	for i := range names {
		names[i] = fmt.Sprintf("%q", strconv.FormatInt(int64(i), 36))
	}
	wide := strings.Replace(smallVector, `"num_feature":"1","num_target"`, fmt.Sprintf(`"num_feature":"%d","num_target"`, len(names)), 1)
	named := strings.Replace(wide, `"attributes":{},`, `"attributes":{},"feature_names":[`+strings.Join(names, ",")+"],", 1)
	unnamed := strings.Replace(smallVector, `"num_feature":"1","num_target"`, `"num_feature":"16384","num_target"`, 1)

	// As many outputs as bytes can hold, and the largest sets that XGBoost 1.6 turns round.
	outputs := strings.Replace(smallLinear, `"[1E0,2E0]","num_class":"2","num_feature":"2"`, `"1E0","num_class":"100000","num_feature":"2"`, 1)
	outputs = strings.Replace(outputs, `[1E0,2E0,3E0,4E0,5E-1,6E-1]`, "[1"+strings.Repeat(",1", 300000-1)+"]", 1)
	sets := strings.Replace(smallXGBoost, `[3, 2, 0]`, `[1, 6, 2]`, 1)
	sets = strings.Replace(sets, `[1, 2, 64, 7]`, `[1, 100000, 64, 7]`, 1)
	for name, text := range map[string]string{"trees": forest, "names": named, "no names": unnamed, "outputs": outputs, "sets": sets} {
		for _, data := range [][]byte{[]byte(text), asUBJSON(t, text)} {
			if !tryOpen(t, data) {
				_, err := Open(data, Options{})
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
