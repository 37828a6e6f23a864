//go:build integration

package integration

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// start: latest begins at the end, and loses nothing from then on: not what comes to a partition that stays silent
// until the process that joined first is long gone.
func TestLatestLosesNothingAfterReadiness(t *testing.T) {
	for _, test := range []struct {
		name string
		stop func(*service)
	}{
		{"stopped", (*service).terminate},
		{"killed", (*service).crash},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, 4, "json")
			s.send(s.events(400)...)
			from := s.ends(s.input())
			v := s.serve("one", "KAFKA_START=latest").ready()
			idle, busy := s.split(s.events(400))
			s.send(busy...)
			eventually(t, "the busy partitions are scored", func() bool { return v.predictions() >= len(busy) })
			test.stop(v)
			s.send(idle...)
			s.serve("one", "KAFKA_START=latest").ready()
			s.allAnswered()
			a := s.audit(from)
			if len(a.events) != 400 || len(idle) == 0 || len(busy) == 0 {
				t.Errorf("%d events came after readiness, %d of them to the idle partition", len(a.events), len(idle))
			}
		})
	}
}

// split tells apart what the producer sends to partition 3 and to the others.
func (s *scene) split(records []*kgo.Record) (third, others []*kgo.Record) {
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic(s.input())
	for _, record := range records {
		if partitioner.Partition(record, int(s.partitions)) == 3 {
			third = append(third, record)
		} else {
			others = append(others, record)
		}
	}
	return third, others
}
