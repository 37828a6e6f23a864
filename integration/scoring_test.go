//go:build integration

package integration

import (
	"maps"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The main job, on the stores' two layouts: every event has the one prediction that LightGBM makes, every poison record
// its dead letter, and the group's offsets stand at the end.
func TestServeScoresAsLightGBMDoes(t *testing.T) {
	for _, test := range []struct {
		layout         string
		events, poison int
		partitions     int32
	}{
		{layout: "json", events: 20_000, poison: 50, partitions: 8},
		{layout: "hash", events: 4_000, poison: 15, partitions: 4},
	} {
		t.Run(test.layout, func(t *testing.T) {
			s := newScene(t, test.partitions, test.layout)
			v := s.serve("one", "FEATURES_LAYOUT="+test.layout).ready()
			records := s.events(test.events)
			without := 0
			for n := range records {
				if _, known := storedRow(userOf(n)); !known {
					without++
				}
			}
			if without != test.events/10 {
				t.Fatalf("%d of %d events have no features, want a tenth", without, test.events)
			}
			s.send(scatter(records, func(i int) *kgo.Record { return poison(s.input(), i) }, test.poison)...)
			s.allAnswered()
			a := s.audit(nil)
			a.exactlyOnce()
			if len(a.events) != test.events || len(a.poison) != test.poison {
				t.Errorf("the input holds %d events and %d poison records", len(a.events), len(a.poison))
			}
			if letters := s.held(s.deadLetters()); letters != test.poison {
				t.Errorf("%d dead letters, want %d", letters, test.poison)
			}
			if a.statuses[""] != test.events {
				t.Errorf("with a healthy Redis the statuses are %v", a.statuses)
			}
			if got := v.predictions(); got != test.events {
				t.Errorf("ml_predictions_total is %d, want %d", got, test.events)
			}
			if got := v.metric("millrace_dead_letters_total"); got != float64(test.poison) {
				t.Errorf("millrace_dead_letters_total is %v, want %d", got, test.poison)
			}
			v.terminate()
			if committed, ends := s.committed(), s.ends(s.input()); !maps.Equal(committed, ends) {
				t.Errorf("after the end the committed offsets are %v, want %v", committed, ends)
			}
		})
	}
}

// scatter puts n more records among the others, evenly.
func scatter(records []*kgo.Record, more func(i int) *kgo.Record, n int) []*kgo.Record {
	mixed := make([]*kgo.Record, 0, len(records)+n)
	every := len(records) / n
	for i, chunk := range slices.Collect(slices.Chunk(records, every)) {
		mixed = append(mixed, chunk...)
		if i < n {
			mixed = append(mixed, more(i))
		}
	}
	return mixed
}
