package scoring

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// refusals are the committed files that Open must not take, and a piece of what it says.
var refusals = map[string]string{
	"broken_model.txt":            "cut short",
	"refused_lightgbm_dump.json":  "LightGBM's dump_model JSON is not read: re-save it",
	"refused_lightgbm_pickle.pkl": "Python pickle",
	"refused_xgboost_pickle.pkl":  "Python pickle",
	"refused_xgboost_0_90.model":  "XGBoost's old binary format is not read",
	"refused_xgboost_1_7_6.model": "XGBoost's old binary format is not read",
	"refused_xgboost_dump.json":   "XGBoost's dump of trees",
	"refused_xgboost_config.json": "save_config",
}

// TestParity holds every committed model against what its library predicts, with every engine.
func TestParity(t *testing.T) {
	lightgbm, xgboost := 0, 0
	for _, file := range modelFiles(t) {
		if fromXGBoost(file) {
			xgboost++
		} else {
			lightgbm++
		}
		t.Run(file, func(t *testing.T) {
			want := readExpected(t, file)
			for _, engine := range Engines() {
				m, err := Open(readModel(t, file), Options{Engine: engine})
				if engine == EngineLeaves && errors.Is(err, errBeyondLeaves) {
					continue
				}
				if err != nil {
					t.Fatalf("engine %s: %v", engine, err)
				}
				// Nothing but what leaves has no notion of may do without the referee.
				if want := len(m.forest.trees) > 0 && m.forest.scalar(); m.Info().Refereed != want {
					t.Errorf("engine %s: the verdict is %q", engine, m.Info().Referee)
				}
				if !slices.Equal(m.FeatureNames(), want.names) {
					t.Fatalf("features %q, want %q", m.FeatureNames(), want.names)
				}
				raws, scores := make([]float64, len(want.raws)), make([]float64, len(want.scores))
				if err := m.PredictRaw(raws, want.rows); err != nil {
					t.Fatalf("engine %s: %v", engine, err)
				}
				if err := m.Predict(scores, want.rows); err != nil {
					t.Fatalf("engine %s: %v", engine, err)
				}
				if fromXGBoost(file) {
					agreeXGBoost(t, engine, raws, scores, &want)
					continue
				}
				agree(t, engine+": margin", raws, want.raws, 0)
				// Go's exp and the C library's may differ in the last bits.
				agree(t, engine+": score", scores, want.scores, 1e-15)
			}
		})
	}
	if lightgbm < 100 {
		t.Errorf("%d models of LightGBM, want at least 100", lightgbm)
	}
	if xgboost < 200 {
		t.Errorf("%d models of XGBoost, want at least 200", xgboost)
	}
}

// agreeXGBoost holds margins to the bit: they are float32, and so are the expectations' decimals. Scores near
// 0 may be differences of larger ones (expectiles), so that what they may differ by is absolute below 1.
func agreeXGBoost(t *testing.T, engine string, raws, scores []float64, want *expectation) {
	t.Helper()
	compare(t, engine+": margin", raws, want.raws, func(got, want float64) bool {
		return same(got, float64(float32(want)))
	})
	compare(t, engine+": score", scores, want.scores, func(got, want float64) bool {
		return same(got, want) || math.Abs(got-want) <= 1e-6*max(1, math.Abs(want))
	})
}

// TestLayoutsHoldEveryModel holds every layout that takes a committed model against the naive evaluator, not
// only the ones that Open would choose.
func TestLayoutsHoldEveryModel(t *testing.T) {
	for _, file := range modelFiles(t) {
		t.Run(file, func(t *testing.T) {
			agreeOnRows(t, open(t, file).forest, readExpected(t, file).rows)
		})
	}
}

func TestRefusedModels(t *testing.T) {
	for file, why := range refusals {
		_, err := Open(readModel(t, file), Options{})
		if err == nil || !strings.Contains(err.Error(), why) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("Open(%s) = %v, want one line with %q", file, err, why)
		}
	}
}

// TestNothingIsLeftOut holds that every committed file is a model with an expectation, the expectation of a
// model, or one that is refused.
func TestNothingIsLeftOut(t *testing.T) {
	entries, err := os.ReadDir(models)
	if err != nil {
		t.Fatal(err)
	}
	expected, found := map[string]bool{}, map[string]bool{}
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), ".expected.csv"); ok {
			expected[name] = true
		} else if refusals[entry.Name()] == "" {
			found[strings.TrimSuffix(entry.Name(), filepath.Ext(entry.Name()))] = true
		}
	}
	for name := range found {
		if !expected[name] {
			t.Errorf("%s has no expectation and is not among the refused", name)
		}
	}
	for name := range expected {
		if !found[name] {
			t.Errorf("the expectation of %s has no model", name)
		}
	}
}
