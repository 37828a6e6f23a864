//go:build integration

package integration

import "testing"

// Instances come and go under load: the partitions move, and nothing is lost on the way.
func TestInstancesComeAndGo(t *testing.T) {
	s := newScene(t, 8, "json")
	one := s.serve("one").ready()
	l := s.startLoad(2000)
	shares := func(what string, want map[*service]int) {
		t.Helper()
		eventually(t, what, func() bool {
			for v, partitions := range want {
				if v.owned() != partitions {
					return false
				}
			}
			return true
		})
	}
	for range 2 {
		two := s.serve("two").ready()
		shares("two instances share the partitions", map[*service]int{one: 4, two: 4})
		eventually(t, "the second one scores", func() bool { return two.predictions() >= 500 })
		two.terminate()
		shares("the first has all partitions", map[*service]int{one: 8})
		l.more(500)
	}
	// The one that was there first leaves too.
	three := s.serve("three").ready()
	shares("the third has its share", map[*service]int{one: 4, three: 4})
	one.terminate()
	shares("the third has all partitions", map[*service]int{three: 8})
	l.more(500)
	l.finish()
	s.allAnswered()
	a := s.audit(nil)
	t.Logf("after six changes of the group: %d second copies", a.duplicates)
}
