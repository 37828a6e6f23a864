package swap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// TestEngineIsTheConfigured holds that model.engine reaches the model, and that metrics say whether a live model was
// refereed: a model of linear trees is not.
func TestEngineIsTheConfigured(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"fraud_model_v2.txt", "linear.txt"} {
		data, err := os.ReadFile(filepath.Join("..", "testdata", "models", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(data))
	}
	set := metrics.NewSet()
	meters, before := newMeters(set), (*Deployment)(nil)
	for _, test := range []struct {
		model, engine, layout string
		unrefereed            float64
	}{
		{"linear.txt", "leaves", "leaves", 1},
		{"fraud_model_v2.txt", "naive", "naive", 0},
		{"linear.txt", "compiled", "ranks, row sets", 1},
		{"fraud_model_v2.txt", "", "masks", 0},
	} {
		d, err := NewLoader(Config{Roots: []string{dir}, Engine: test.engine}, contract(t), nil, -1).Deploy(Event{ModelPath: test.model})
		if err != nil {
			t.Fatal(err)
		}
		info := d.Model.Info()
		if test.engine != "" && info.Engine != test.engine || info.Layout != test.layout {
			t.Errorf("%s by %q: engine %s, layout %s, want %s", test.model, test.engine, info.Engine, info.Layout, test.layout)
		}
		if strings.HasPrefix(info.Referee, "unrefereed: ") != (test.unrefereed == 1) || info.Refereed != (test.unrefereed == 0) {
			t.Errorf("%s by %q: referee %q, %v", test.model, test.engine, info.Referee, info.Refereed)
		}
		meters.stored(before, d, time.Second)
		before = d
		if got := set.GetOrCreateGauge("millrace_model_unrefereed", nil).Get(); got != test.unrefereed {
			t.Errorf("%s: millrace_model_unrefereed is %v, want %v", test.model, got, test.unrefereed)
		}
	}
}
