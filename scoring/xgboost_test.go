package scoring

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// xgboostFiles lists the committed models of XGBoost that have expectations.
func xgboostFiles(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"xgboost_*.json", "xgboost_*.ubj"} {
		paths, err := filepath.Glob(filepath.Join(models, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, paths...)
	}
	if len(files) < 200 {
		t.Fatalf("%d models of XGBoost found, want at least 200", len(files))
	}
	return files
}

func openFile(t testing.TB, path string) (*Model, []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(data, Options{})
	if err != nil {
		t.Fatalf("Open(%s): %v", filepath.Base(path), err)
	}
	return m, data
}

// sameBits32 compares as float32, which the expectations are written as.
func sameBits32(t *testing.T, what string, got, want []float64) {
	t.Helper()
	bad := 0
	for i := range want {
		if g, w := float32(got[i]), float32(want[i]); math.Float32bits(g) != math.Float32bits(w) {
			if bad++; bad <= 3 {
				t.Errorf("%s %d = %v, want %v", what, i, g, w)
			}
		}
	}
	if bad > 3 {
		t.Errorf("%d of %d %ss differ", bad, len(want), what)
	}
}

// TestNotationsAgree holds that a model is the same in both notations, whichever it was committed in.
func TestNotationsAgree(t *testing.T) {
	for _, path := range xgboostFiles(t) {
		if filepath.Ext(path) != ".json" {
			continue
		}
		m, data := openFile(t, path)
		other, err := Open(asUBJSON(t, string(data)), Options{})
		if err != nil {
			t.Errorf("%s in UBJSON: %v", filepath.Base(path), err)
			continue
		}
		if got, want := other.Info().Format, strings.TrimSuffix(m.Info().Format, "json")+"ubjson"; got != want {
			t.Errorf("format %q, want %q", got, want)
		}
		want := readExpected(t, strings.TrimSuffix(filepath.Base(path), ".json"))
		raws := make([]float64, len(want.raws))
		if err := other.PredictRaw(raws, want.rows); err != nil {
			t.Fatal(err)
		}
		sameBits32(t, filepath.Base(path)+" margin in UBJSON", raws, want.raws)
	}
}

// TestXGBoostVariants are changes to a small model and what a row's margin or score must become.
func TestXGBoostVariants(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	// A model of one tree: a < 0.5 ? 1 : 2, missing values left.
	stump := strings.Replace(smallVector, `"num_target":"2"`, `"num_target":"1"`, 1)
	stump = strings.Replace(stump, `"size_leaf_vector":"2"`, `"size_leaf_vector":"1"`, 1)
	stump = strings.Replace(stump, `[5E-1,0E0,0E0]`, `[5E-1,1E0,2E0]`, 1)
	stump = strings.Replace(stump, `"base_weights":[0E0,0E0,1E0,2E0,3E0,4E0],"leaf_weights":[3E0,4E0,1E0,2E0]`, `"split_type":[0,0,0]`, 1)
	// Models that were never trained, and one that 1.3 trained, which did not count its rounds.
	untrained := `{"version":[3,0,0],"learner":{"learner_model_param":{"base_score":"2E0","num_class":"0","num_feature":"1"},
"objective":{"name":"count:poisson"},
"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"0"},"tree_info":[],"trees":[]}}}}`
	oldWeights := `{"version":[3,0,0],"learner":{"learner_model_param":{"base_score":"2E0","num_class":"0","num_feature":"2"},
"objective":{"name":"count:poisson"},
"gradient_booster":{"name":"gblinear","model":{"boosted_rounds":0,"weights":[1E0,2E0,1E0]}}}}`
	right := strings.Replace(stump, `"default_left":[1,`, `"default_left":[0,`, 1)
	old := strings.Replace(right, `[3,2,0]`, `[1,6,0]`, 1)
	set := `"categories_nodes":[0],"categories_segments":[0],"categories_sizes":[3],"categories":[33,1,33],"split_type":[1,0,0]`
	for _, c := range []struct {
		name, model, from, to string
		row, want             []float64
		score                 bool
	}{
		{"below", stump, "", "", []float64{math.Nextafter(0.5, 0) - 1e-7}, []float64{1}, false},
		{"rounded to the condition", stump, "", "", []float64{math.Nextafter(0.5, 0)}, []float64{2}, false},
		{"missing", stump, "", "", []float64{nan}, []float64{1}, false},
		{"missing right", stump, `"default_left":[1,`, `"default_left":[0,`, []float64{nan}, []float64{2}, false},
		{"default true", stump, `"default_left":[1,0,0]`, `"default_left":[true,false,false]`, []float64{nan}, []float64{1}, false},
		{"default false", stump, `"default_left":[1,0,0]`, `"default_left":[false,false,false]`, []float64{nan}, []float64{2}, false},
		{"below nothing", stump, `[5E-1,1E0`, `[-Infinity,1E0`, []float64{-inf}, []float64{2}, false},
		{"below nothing, missing", stump, `[5E-1,1E0`, `[-Infinity,1E0`, []float64{nan}, []float64{1}, false},
		{"below the least", stump, `[5E-1,1E0`, `[-3.4028235E38,1E0`, []float64{-inf}, []float64{1}, false},
		{"not below the least", stump, `[5E-1,1E0`, `[-3.4028235E38,1E0`, []float64{-math.MaxFloat32}, []float64{2}, false},
		{"below infinity", stump, `[5E-1,1E0`, `[Infinity,1E0`, []float64{math.MaxFloat32}, []float64{1}, false},
		{"not below infinity", stump, `[5E-1,1E0`, `[Infinity,1E0`, []float64{1e300}, []float64{2}, false},
		{"zero is not below zero", stump, `[5E-1,1E0`, `[0E0,1E0`, []float64{math.Copysign(0, -1)}, []float64{2}, false},
		{"denormal below zero", stump, `[5E-1,1E0`, `[0E0,1E0`, []float64{-1e-45}, []float64{1}, false},
		{"rounded to zero", stump, `[5E-1,1E0`, `[0E0,1E0`, []float64{-1e-60}, []float64{2}, false},
		{"negative zero", stump, `[5E-1,1E0`, `[-0E0,1E0`, []float64{0}, []float64{2}, false},
		{"in the set", stump, `"split_type":[0,0,0]`, set, []float64{33.9}, []float64{2}, false},
		{"in the set, first", stump, `"split_type":[0,0,0]`, set, []float64{1}, []float64{2}, false},
		{"between", stump, `"split_type":[0,0,0]`, set, []float64{2}, []float64{1}, false},
		{"beyond the set", stump, `"split_type":[0,0,0]`, set, []float64{65}, []float64{1}, false},
		{"beyond the set, 1.6", old, `"split_type":[0,0,0]`, set, []float64{64}, []float64{2}, false},
		{"within the words, 1.6", old, `"split_type":[0,0,0]`, set, []float64{63}, []float64{1}, false},
		{"in the set, 1.6", old, `"split_type":[0,0,0]`, set, []float64{33}, []float64{2}, false},
		{"beyond the set to the left, 1.6", strings.Replace(stump, `[3,2,0]`, `[1,6,0]`, 1), `"split_type":[0,0,0]`, set, []float64{64}, []float64{1}, false},
		{"missing right of a set", right, `"split_type":[0,0,0]`, set, []float64{nan}, []float64{2}, false},
		{"base score in a tuple", stump, `"[0E0]"`, `" ( 3.5 ) "`, []float64{0}, []float64{4.5}, false},
		{"base score alone", stump, `"[0E0]"`, `"3"`, []float64{0}, []float64{4}, false},
		{"logarithm", stump, `"[0E0]","num_class":"0","num_feature":"1","num_target":"1"},
"objective":{"name":"reg:squarederror"`, `"[2E0]","num_class":"0","num_feature":"1","num_target":"1"},
"objective":{"name":"survival:aft","aft_loss_param":{}`, []float64{0}, []float64{float64(float32(math.Log(2)) + 1)}, false},
		{"base score broadcast", smallVector, `"[0E0]"`, `"1"`, []float64{0}, []float64{2, 3}, false},
		{"base scores", smallVector, `"[0E0]"`, `"[1, 1E1]"`, []float64{0}, []float64{2, 12}, false},
		{"class", smallVector, `"num_class":"0","num_feature":"1","num_target":"2"},
"objective":{"name":"reg:squarederror"`, `"num_class":"2","num_feature":"1"},
"objective":{"name":"multi:softmax","softmax_multiclass_param":{"num_class":"2"}`, []float64{0}, []float64{1}, true},
		{"quantiles of 3.4", strings.Replace(smallVector, `[3,2,0]`, `[3,4,0]`, 1), `"[0E0]","num_class":"0","num_feature":"1","num_target":"2"},
"objective":{"name":"reg:squarederror"`, `"[9E0,0E0]","num_class":"0","num_feature":"1","num_target":"2"},
"objective":{"name":"reg:quantileerror","quantile_loss_param":{"quantile_alpha":"[0.1,0.9]"}`, []float64{0}, []float64{2, 10}, true},
		{"quantiles of 3.3", strings.Replace(smallVector, `[3,2,0]`, `[3,3,0]`, 1), `"[0E0]","num_class":"0","num_feature":"1","num_target":"2"},
"objective":{"name":"reg:squarederror"`, `"[9E0,0E0]","num_class":"0","num_feature":"1","num_target":"2"},
"objective":{"name":"reg:quantileerror"`, []float64{0}, []float64{10, 2}, true},
		{"dart of 3.2", stump, `{"name":"gbtree","model":{`, `{"name":"dart","weight_drop":[5E-1],"gbtree":{"name":"gbtree","model":{`, nil, nil, false},
		{"dart of 3.3", stump, `"name":"gbtree"`, `"name":"gbtree","weight_drop":[5E-1]`, []float64{0}, []float64{0.5}, false},
		{"dart of 3.4", stump, `"trees":`, `"weight_drop":[5E-1],"trees":`, []float64{0}, []float64{0.5}, false},
		{"dart of 3.2 adds leaves to 0", strings.Replace(stump, `1E0,2E0]`, `-0E0,2E0]`, 1), `"[0E0]","num_class":"0","num_feature":"1","num_target":"1"},
"objective":{"name":"reg:squarederror"},
"gradient_booster":{"name":"gbtree"`, `"[-0E0]","num_class":"0","num_feature":"1","num_target":"1"},
"objective":{"name":"reg:squarederror"},
"gradient_booster":{"weight_drop":[5E-1],"name":"gbtree"`, []float64{0}, []float64{0}, false},
		{"weights to come, 3.4", strings.Replace(stump, `[3,2,0]`, `[3,4,0]`, 1), `"trees":`, `"weight_drop":[],"trees":`, []float64{0}, []float64{1}, false},
		{"never trained", untrained, "", "", []float64{0}, []float64{float64(float32(math.Log(2)))}, false},
		{"never trained, since 3.1", untrained, `[3,0,0]`, `[3,1,0]`, []float64{0}, []float64{2}, false},
		{"never trained, a user's score", strings.Replace(untrained, `[3,0,0]`, `[3,1,0]`, 1), `"num_class"`, `"boost_from_average":"0","num_class"`, []float64{0}, []float64{float64(float32(math.Log(2)))}, false},
		{"weights of before 1.4", oldWeights, "", "", []float64{1, 1}, []float64{float64(4 + float32(math.Log(2)))}, false},
		{"weights of before 1.4, since 3.1", oldWeights, `[3,0,0]`, `[3,1,0]`, []float64{1, 1}, []float64{6}, false},
		{"numbers without a point", stump, `[5E-1,1E0,2E0]`, `[1,3,4]`, []float64{0}, []float64{3}, false},
		{"no attributes", stump, `"attributes":{},`, ``, []float64{0}, []float64{1}, false},
		{"names", stump, `"attributes":{},`, `"feature_names":["\u00e4"],`, []float64{0}, []float64{1}, false},
	} {
		text := strings.Replace(c.model, c.from, c.to, 1)
		if c.row == nil {
			text += "}"
			c.row, c.want = []float64{0}, []float64{0.5}
		}
		for _, data := range [][]byte{[]byte(text), asUBJSON(t, text)} {
			m, err := Open(data, Options{})
			if err != nil || !strings.Contains(c.model, c.from) {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			predict := m.PredictRaw
			if c.score {
				predict = m.Predict
			}
			got := make([]float64, len(c.want))
			if err := predict(got, c.row); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			sameBits32(t, c.name, got, c.want)
		}
	}
}

// TestXGBoostInfo holds what people are told of a model.
func TestXGBoostInfo(t *testing.T) {
	m, err := Open([]byte(smallXGBoost), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := m.Info()
	if got.Format != "xgboost 3.2.0 json" || got.Objective != "reg:squarederror" || got.Features != 3 || got.Outputs != 1 || got.Trees != 3 || got.Leaves != 7 {
		t.Errorf("Info() = %+v", got)
	}
	if m, err = Open([]byte(smallVector), Options{}); err != nil {
		t.Fatal(err)
	}
	if got := m.FeatureNames(); len(got) != 1 || got[0] != "f0" {
		t.Errorf("FeatureNames() = %q", got)
	}
}

// TestLogf holds what the C library's logf makes of numbers, most of which it does not round to the nearest.
func TestLogf(t *testing.T) {
	for x, want := range map[float32]float32{
		0.952029287815094: -0.04915948212146759, 0.7965461015701294: -0.2274702787399292,
		0.979506254196167: -0.020706655457615852, 0.9810202121734619: -0.019162217155098915,
		0.7864852547645569: -0.24018129706382751, 0.9901185631752014: -0.009930582717061043,
		0.9536333680152893: -0.047475993633270264, 0.9856407046318054: -0.014463388361036777,
		math.SmallestNonzeroFloat32: -103.2789306640625, 9.99994610111476e-41: -92.10340881347656,
		1: 0, 0.5: -0.6931471824645996, 0.3: -1.2039728164672852, 3.4e38: 88.72200775146484,
		0: float32(math.Inf(-1)), -1: float32(math.NaN()), float32(math.Inf(1)): float32(math.Inf(1)),
	} {
		if got := logf(x); math.Float32bits(got) != math.Float32bits(want) && !(got != got && want != want) {
			t.Errorf("logf(%v) = %v, want %v", x, got, want)
		}
	}
}
