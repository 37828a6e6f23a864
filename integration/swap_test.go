//go:build integration

package integration

import "testing"

// A deployment in mid-stream swaps the model on every instance, and a broken one is refused by every instance: each
// prediction is that of the model it names.
func TestSwapInMidStream(t *testing.T) {
	s := newScene(t, 8, "json")
	instances := []*service{s.serve("one").ready(), s.serve("two").ready()}
	everywhere := func(what, series string, want float64) {
		t.Helper()
		eventually(t, what, func() bool {
			for _, v := range instances {
				if v.metric(series) != want {
					return false
				}
			}
			return true
		})
	}
	l := s.startLoad(2000)
	for _, v := range instances {
		eventually(t, v.name+" scores", func() bool { return v.predictions() >= 500 })
	}
	s.deploy(`{"model_path":"fraud_model_v3.txt"}`)
	everywhere("v3 is live", `millrace_model_info{version="fraud_model_v3"`, 1)
	l.more(1000)
	s.deploy(`{"model_path":"broken_model.txt","version":"broken"}`)
	everywhere("the broken model is refused", `millrace_deployments_total{outcome="rejected"}`, 1)
	l.more(1000)
	l.finish()
	s.allAnswered()
	a := s.audit(nil)
	a.exactlyOnce() // The group did not change while there was load.
	if a.versions["fraud_model_v2"] < 1000 || a.versions["fraud_model_v3"] < 1000 {
		t.Errorf("predictions by version: %v", a.versions)
	}
	swapped := map[int32]bool{}
	for _, record := range a.order {
		switch third := predictionForm.FindSubmatch(record.Value); {
		case third == nil:
		case string(third[5]) == "fraud_model_v3":
			swapped[record.Partition] = true
		case swapped[record.Partition]:
			a.errorf("%s is scored by v2 behind one that v3 scored", header(record, "millrace-id"))
		}
	}

	// A new instance reads the deployments before its first event: it starts with v3, not with the configured file.
	late := s.serve("late").ready()
	if late.metric(`millrace_model_info{version="fraud_model_v3"`) != 1 {
		t.Error("an instance that starts later does not serve v3")
	}
}
