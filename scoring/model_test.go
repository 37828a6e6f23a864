package scoring

import (
	"testing"
)

func TestPredictRefusesWrongShapes(t *testing.T) {
	for _, engine := range Engines() {
		m := openWith(t, "multiclass.txt", engine)
		for _, shape := range []struct{ dst, rows int }{
			{3, 4}, {3, 6}, {2, 5}, {4, 5}, {3, 10}, {6, 5}, {0, 5}, {3, 0}, {1, 1},
		} {
			dst := make([]float64, shape.dst)
			for i := range dst {
				dst[i] = 42
			}
			if m.Predict(dst, make([]float64, shape.rows)) == nil || m.PredictRaw(dst, make([]float64, shape.rows)) == nil {
				t.Errorf("engine %s took %d values for %d scores", engine, shape.rows, shape.dst)
			}
			for _, v := range dst {
				if v != 42 {
					t.Errorf("engine %s wrote to dst of %d beside %d values", engine, shape.dst, shape.rows)
				}
			}
		}
		if err := m.Predict(nil, nil); err != nil {
			t.Errorf("engine %s: Predict of no rows: %v", engine, err)
		}
	}
}

func TestPredictLeavesRowsAlone(t *testing.T) {
	for _, engine := range Engines() {
		m, want := openWith(t, "continued.txt", engine), readExpected(t, "continued.txt")
		before := append([]float64(nil), want.rows...)
		if err := m.Predict(make([]float64, len(want.scores)), want.rows); err != nil {
			t.Fatal(err)
		}
		agree(t, engine+": input", want.rows, before, 0)
	}
}

func TestFeatureNamesAreTheCallers(t *testing.T) {
	m := open(t, "names.txt")
	names := m.FeatureNames()
	want := names[0]
	names[0] = "changed"
	if got := m.FeatureNames()[0]; got != want {
		t.Errorf("the model's first feature became %q", got)
	}
}

func TestInfo(t *testing.T) {
	for file, want := range map[string]Info{
		"multiclass.txt": {
			Format: "lightgbm v4", Objective: "multiclass num_class:3", Engine: EngineCompiled, Layout: "masks, row sets",
			Referee: "leaves", Refereed: true, Features: 5, Outputs: 3, Trees: 12, Leaves: 96,
		},
		"fraud_model_v2.txt": {
			Format: "lightgbm v4", Objective: "binary sigmoid:1", Engine: EngineCompiled, Layout: "masks",
			Referee: "leaves", Refereed: true, Features: 5, Outputs: 1, Trees: 100, Leaves: 3100,
		},
		"deep.txt": {
			Format: "lightgbm v4", Objective: "regression", Engine: EngineCompiled, Layout: "ranks, row sets",
			Referee: "leaves", Refereed: true, Features: 5, Outputs: 1, Trees: 2, Leaves: 160,
		},
	} {
		if got := open(t, file).Info(); got != want {
			t.Errorf("%s: Info() = %+v, want %+v", file, got, want)
		}
	}
	for _, engine := range Engines() {
		if got := openWith(t, "fraud_model_v2.txt", engine).Info(); got.Engine != engine || got.Trees != 100 {
			t.Errorf("engine %s: Info() = %+v", engine, got)
		}
	}
}

func TestUnknownEngine(t *testing.T) {
	_, err := Open(readModel(t, "constant.txt"), Options{Engine: "fast"})
	if want := `engine "fast" is not known; there are compiled, leaves, naive`; err == nil || err.Error() != want {
		t.Errorf("Open = %v, want %q", err, want)
	}
}
