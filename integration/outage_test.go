//go:build integration

package integration

import (
	"net/http"
	"strings"
	"testing"
)

// The broker crashes and comes back with its data: the service waits for it and goes on, and nothing is lost.
func TestBrokerCrashesAndComesBack(t *testing.T) {
	s := newScene(t, 8, "json")
	v := s.serve("one").ready()
	l := s.startLoad(1000)
	eventually(t, "the stream flows", func() bool { return v.predictions() >= 2000 })
	shared.kafka.kill()
	t.Cleanup(func() { // Whatever happens here, the tests behind this one need their broker.
		if !shared.kafka.process.running() {
			if err := shared.kafka.start(); err != nil {
				t.Error(err)
			}
		}
	})
	eventually(t, "three seconds of load wait for the broker", func() bool {
		sent, acked := l.counts()
		return sent >= acked+3000
	})
	before := v.predictions()
	if err := shared.kafka.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the stream flows again", func() bool { return v.predictions() >= before+4000 })
	v.ready()
	s.deploy(`{"model_path":"fraud_model_v3.txt"}`)
	eventually(t, "the deployments are followed again", func() bool { return v.metric(`millrace_model_info{version="fraud_model_v3"`) == 1 })
	l.finish()
	s.allAnswered()
	a := s.audit(nil)
	t.Logf("after the broker's crash: %d second copies", a.duplicates)
}

// Redis crashes and comes back: meanwhile events are scored with what is known, stale copies or defaults, and say so.
func TestRedisCrashesAndComesBack(t *testing.T) {
	s := newScene(t, 8, "json")
	v := s.serve("one", "FEATURES_TIMEOUT=200ms").ready()
	s.send(s.events(users / 2)...) // Half of the users are in the cache from here on.
	eventually(t, "the cache is half full", func() bool { return v.predictions() >= users/2 })
	l := s.startLoad(2000)
	shared.redis.kill()
	t.Cleanup(func() {
		if !shared.redis.process.running() {
			if err := shared.redis.start(); err != nil {
				t.Error(err)
			}
		}
	})
	degraded := func() float64 { return v.metric(`millrace_degraded_total{feature="tx_count_1h"`) }
	eventually(t, "all users are scored without Redis", func() bool { return degraded() >= users })
	if code, body := v.get("/readyz"); code != http.StatusOK {
		t.Errorf("/readyz is %d without Redis, want 200: the policy is to score on: %s", code, body)
	}
	if err := shared.redis.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "rows come from the store again", func() bool {
		before, was := v.predictions(), degraded()
		eventually(t, "the stream flows", func() bool { return v.predictions() >= before+users })
		return degraded() == was
	})
	l.finish()
	s.allAnswered()
	a := s.audit(nil)
	if a.statuses["stale"] == 0 || a.statuses["default"] == 0 || a.statuses[""] < users {
		t.Errorf("predictions by status: %v, want some of each", a.statuses)
	}
	if got := int(degraded()); got != a.statuses["stale"]+a.statuses["default"] {
		t.Errorf("millrace_degraded_total is %d, the predictions say %v", got, a.statuses)
	}
}

// Predictions that cannot be written stop the line, which says so and commits nothing: once the topic is there again,
// the same process goes on, and so does one that starts where another was killed.
func TestOutputTopicIsDeletedAndMadeAgain(t *testing.T) {
	for _, test := range []struct {
		name  string
		crash bool
	}{
		{"the process goes on", false},
		{"the process is killed", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, 4, "json")
			v := s.serve("one").ready()
			s.send(s.events(400)...)
			s.allAnswered()
			from := s.ends(s.input())
			if _, err := s.admin.DeleteTopic(s.timeout(), s.output()); err != nil {
				t.Fatal(err)
			}
			l := s.startLoad(500)
			eventually(t, "readiness says that outputs cannot be written", func() bool {
				code, body := v.get("/readyz")
				return code == http.StatusServiceUnavailable && strings.Contains(body, "write outputs")
			})
			l.more(1000) // Two seconds, in which a wrong mark would be committed.
			if test.crash {
				v.crash()
			}
			if _, err := s.admin.CreateTopic(s.timeout(), s.partitions, 1, nil, s.output()); err != nil {
				t.Fatal(err)
			}
			if test.crash {
				v = s.serve("one")
			}
			v.ready()
			l.finish()
			s.allAnswered()
			s.audit(from)
		})
	}
}
