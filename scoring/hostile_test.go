package scoring

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
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
	m, err := Open([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float64, 1)
	if err := m.PredictRaw(got, []float64{0, -2, 2}); err != nil || got[0] != 0.1+2-0.25 {
		t.Errorf("PredictRaw = %v, %v, want %v", got, err, 0.1+2-0.25)
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
	{"linear", "is_linear=0", "is_linear=1", "linear trees are not read yet"},
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
	{"set empty", "cat_threshold=6 1", "cat_threshold=0 1", "tree 1: node 1 tells categories apart with an empty set"},
	{"no trees", small[strings.Index(small, "Tree=0"):strings.Index(small, "end of trees")], "", "the model holds no trees"},
	{"no end", "end of trees\n", "", "the file ends after 3 trees"},
	{"cut in a tree", small[strings.Index(small, "leaf_value=1 2"):], "", "the file ends inside Tree=1: it is cut short"},
	{"cut in the header", small[strings.Index(small, "objective"):], "", "the file ends inside its header: it is cut short"},
}

func TestHostileFiles(t *testing.T) {
	for _, edit := range edits {
		t.Run(edit.name, func(t *testing.T) {
			if strings.Count(small, edit.from) < 1 {
				t.Fatalf("small does not hold %q", edit.from)
			}
			_, err := Open([]byte(strings.Replace(small, edit.from, edit.to, 1)))
			if err == nil || !strings.Contains(err.Error(), edit.want) {
				t.Fatalf("Open = %v, want %q", err, edit.want)
			}
			if strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 300 {
				t.Errorf("not one short line: %q", err)
			}
		})
	}
}

func TestForeignFiles(t *testing.T) {
	old := append(make([]byte, 136), "\x0f\x00\x00\x00\x00\x00\x00\x00binary:logistic\x06\x00\x00\x00\x00\x00\x00\x00gbtree"...)
	for _, file := range []struct{ name, data, want string }{
		{"empty", "", "the file is empty"},
		{"junk", "\x00\x01\x02junk", `not a model in a known format (it begins "\x00\x01\x02junk")`},
		{"text", "hello\n", `LightGBM text begins with the line "tree"`},
		{"pickle", "\x80\x04\x95\x10\x00", "Python pickle or joblib file, which only Python can open: re-save it as text with booster.save_model('fraud_model_v2.txt')"},
		{"old pickle", "ccopy_reg\n_reconstructor\n", "Python pickle"},
		{"gzip", "\x1f\x8b\x08\x00", "gzip-compressed files are not read: unpack it first"},
		{"zlib joblib", "x\x9c\x01\x02", "zlib-compressed"},
		{"zip", "PK\x03\x04....", "zip-compressed"},
		{"XGBoost JSON", `{"learner":{"attributes":{}},"version":[3,2,0]}`, "XGBoost JSON is not read yet"},
		{"XGBoost JSON, spaced", " {\n \"version\": [1,7,6], \"learner\": {}}", "XGBoost JSON is not read yet"},
		{"XGBoost UBJSON", "{L\x00\x00\x00\x00\x00\x00\x00\x07learner{", "XGBoost UBJSON is not read yet"},
		{"XGBoost binary", "binf\x00\x00\x00?", "XGBoost's old binary format is not read"},
		{"XGBoost binary without magic", string(old), "XGBoost's old binary format is not read"},
		{"LightGBM JSON", `{"name":"tree","version":"v4","num_class":1,"tree_info":[]}`, "LightGBM's dump_model JSON is not read"},
		{"JSON", `{"a":1}`, "a JSON file, but neither"},
		{"ONNX", "\x08\x09\x12\x08skl2onnx", "ONNX is not read"},
		{"web page", "<!DOCTYPE html><html>", "a web page"},
		{"LFS", "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
		{"CatBoost", "CBM1....", "CatBoost"},
		{"byte order mark", "\xef\xbb\xbftree\nversion=v4\n", `before its first line "tree"`},
		{"first line only", "tree", "it is cut short"},
	} {
		if _, err := Open([]byte(file.data)); err == nil || !strings.Contains(err.Error(), file.want) {
			t.Errorf("%s: Open = %v, want %q", file.name, err, file.want)
		}
	}
}

// TestTolerated are forms of a file that mean the same model.
func TestTolerated(t *testing.T) {
	for _, form := range []struct {
		name   string
		change func(string) string
	}{
		{"version v3", func(s string) string { return strings.Replace(s, "version=v4", "version=v3", 1) }},
		{"version v2", func(s string) string { return strings.Replace(s, "version=v4", "version=v2", 1) }},
		{"Windows line ends", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
		{"no tree_sizes", func(s string) string { return regexp.MustCompile(`tree_sizes=.*\n`).ReplaceAllString(s, "") }},
		{"no tail", func(s string) string { return s[:strings.Index(s, "end of trees")+len("end of trees")] }},
	} {
		text := form.change(string(readModel(t, "category_wide")))
		m, err := Open([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", form.name, err)
			continue
		}
		want := readExpected(t, "category_wide")
		raws := make([]float64, len(want.raws))
		if err := m.PredictRaw(raws, want.rows); err != nil {
			t.Fatal(err)
		}
		agree(t, form.name+" margin", raws, want.raws, 0)
	}
}

// TestTruncations cuts a file everywhere: only what lacks nothing but the tail is a model.
func TestTruncations(t *testing.T) {
	data := readModel(t, "category_narrow")
	end := bytes.Index(data, []byte("end of trees")) + len("end of trees")
	for n := range end {
		if _, err := Open(data[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a whole model", n, len(data))
		}
	}
}

// TestMutations damages bytes at random. What still opens must score without a hang, and as our
// reading of the file says.
func TestMutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	whole := readModel(t, "continued")
	whole = whole[:bytes.Index(whole, []byte("end of trees"))+13]
	opened := 0
	for range 3000 {
		data := bytes.Clone(whole)
		for range 1 + rng.IntN(3) {
			data[rng.IntN(len(data))] = "0123456789-.e= \n"[rng.IntN(16)]
		}
		if tryOpen(t, data) {
			opened++
		}
	}
	t.Logf("%d of 3000 damaged files still were models", opened)
}

// tryOpen opens what may be no model, and where it is one holds the engine against the naive reading.
func tryOpen(t *testing.T, data []byte) bool {
	t.Helper()
	start, before := time.Now(), allocated()
	m, err := Open(data)
	if spent := allocated() - before; spent > 4<<20+64*uint64(len(data)) {
		t.Errorf("Open allocated %d bytes for %d", spent, len(data))
	}
	if err != nil {
		if m != nil || strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("Open = %v, %q", m, err)
		}
		return false
	}
	row, got := make([]float64, m.Features()), make([]float64, m.Outputs())
	for i, x := range awkward {
		for j := range row {
			row[j] = awkward[(i+j*j)%len(awkward)]
		}
		row[i%len(row)] = x
		if err := m.PredictRaw(got, row); err != nil {
			t.Fatalf("PredictRaw(%v): %v", row, err)
		}
		for k, want := range naive(m.forest, row) {
			if math.Float64bits(got[k]) != math.Float64bits(want) && !(math.IsNaN(got[k]) && math.IsNaN(want)) {
				t.Fatalf("PredictRaw(%v)[%d] = %v, the naive evaluator says %v", row, k, got[k], want)
			}
		}
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("%d bytes took %v", len(data), d)
	}
	return true
}

var awkward = []float64{
	math.NaN(), 0, math.Copysign(0, -1), 1e-36, -1e-36, zeroThreshold, -zeroThreshold,
	math.Nextafter(zeroThreshold, 1), math.Nextafter(-zeroThreshold, -1), 1e30, -1e30, math.Inf(1), math.Inf(-1),
	1, -1, -0.3, 0.99, 2.5, 31, 32, 63.5, 1 << 31, -1 << 31, 1<<31 - 1, 1e300,
}

// allocated is the number of bytes allocated since the program began.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestTinyTreesAreBounded opens the file with the least text a tree, whose memory is the largest
// multiple of its bytes.
func TestTinyTreesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nfeature_names=a\n\n")
	for i := range 20000 {
		fmt.Fprintf(&b, "Tree=%d\nnum_leaves=1\nnum_cat=0\nleaf_value=1\n\n", i)
	}
	b.WriteString("end of trees\n")
	if !tryOpen(t, []byte(b.String())) {
		t.Error("not opened")
	}
}

// FuzzOpen holds that no file makes Open or Predict panic, hang, take memory out of proportion, or
// score otherwise than the file says.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(small))
	for _, edit := range edits {
		f.Add([]byte(strings.Replace(small, edit.from, edit.to, 1)))
	}
	f.Add([]byte(strings.Replace(small, "objective=binary sigmoid:1", "average_output", 1)))
	f.Add([]byte(strings.Replace(small, "threshold=0.5", "threshold=inf", 1)))
	f.Add([]byte("tree\n"))
	f.Add([]byte("{\"learner\":{"))
	f.Add([]byte("\x80\x04\x95"))
	f.Fuzz(func(t *testing.T, data []byte) { tryOpen(t, data) })
}
