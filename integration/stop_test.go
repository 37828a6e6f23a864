//go:build integration

package integration

import "testing"

// SIGTERM in the middle of full queues drains: what was answered is committed, and the next process goes on exactly there.
func TestStopDrainsAndRestartContinues(t *testing.T) {
	s := newScene(t, 8, "json")
	s.send(s.events(2 * kinds)...)
	v := s.serve("one", "KAFKA_START=earliest")
	l := s.startLoad(2000)
	eventually(t, "the stream flows", func() bool { return v.predictions() > 0 })
	v.terminate()
	answered, committed := s.held(s.output())+s.held(s.deadLetters()), total(s.committed())
	if answered != committed {
		t.Errorf("after the drain %d predictions and dead letters are written and %d offsets committed", answered, committed)
	}
	if answered == 0 || answered >= 2*kinds {
		t.Errorf("%d records were answered before the stop: it was not in mid-stream", answered)
	}
	l.more(1000)
	v = s.serve("one", "KAFKA_START=earliest").ready()
	eventually(t, "the stream flows again", func() bool { return v.predictions() >= 2000 })
	l.finish()
	s.allAnswered()
	a := s.audit(nil)
	a.exactlyOnce()
	t.Logf("after SIGTERM, %d records in, and a restart: %d second copies", answered, a.duplicates)
}

// A process that is killed leaves its work to the next one: nothing is lost, and what is done twice is done alike.
func TestCrashLosesNothing(t *testing.T) {
	s := newScene(t, 8, "json")
	v := s.serve("one").ready()
	l := s.startLoad(2000)
	eventually(t, "the stream flows", func() bool { return v.predictions() >= 3000 })
	v.crash()
	l.more(500)
	v = s.serve("one").ready()
	eventually(t, "the stream flows again", func() bool { return v.predictions() >= 3000 })
	l.finish()
	s.allAnswered()
	a := s.audit(nil)
	t.Logf("after SIGKILL and a restart: %d second copies", a.duplicates)
}
