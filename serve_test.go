package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The main job: every event of every partition becomes the prediction that the model itself gives, with the features
// of its user, and a change in the store shows in what is scored after it.
func TestServeScoresWithTheStoresFeatures(t *testing.T) {
	r := newRig(t, 8)
	r.setRows(0)
	s := r.serve(r.cfg).ready()
	r.send(0, 1000)
	v2 := model(t, "fraud_model_v2.txt")
	check := func(all []scored, from, to, round int) {
		t.Helper()
		seen := map[int]bool{}
		for _, p := range all {
			if p.ID < from || p.ID >= to {
				continue
			}
			if seen[p.ID] {
				t.Errorf("event %d has two predictions", p.ID)
			}
			seen[p.ID] = true
			if want := expect(t, v2, p.ID, storeRow(p.ID%100, round)); p.Score != want || p.Fraud != (want > 0.5) {
				t.Errorf("event %d: score %v, is_fraud %v, want %v", p.ID, p.Score, p.Fraud, want)
			}
			if p.User != user(p.ID) || p.Version != "fraud_model_v2" || p.Features != nil {
				t.Errorf("event %d: %s", p.ID, p.record.Value)
			}
		}
		if len(seen) != to-from {
			t.Errorf("%d of %d events have a prediction", len(seen), to-from)
		}
	}
	check(r.predictions(1000), 0, 1000, 0)
	r.setRows(1)
	// The push that drops a cached row follows its write; once a row shows the change, all written before it do.
	probe := 1000
	eventually(t, "a changed row is seen", func() bool {
		r.send(probe, probe+100)
		probe += 100
		all := r.predictions(probe)
		for _, p := range all {
			if p.ID == probe-2 { // User 98, the last whose row was written.
				return p.Score == expect(t, v2, p.ID, storeRow(98, 1))
			}
		}
		return false
	})
	r.send(probe, probe+200)
	check(r.predictions(probe+200), probe, probe+200, 1)

	if got := s.metric(`ml_predictions_total{model_version="fraud_model_v2"}`); got != float64(probe+200) {
		t.Errorf("ml_predictions_total is %v, want %d", got, probe+200)
	}
	if hits := s.metric("millrace_cache_hits_total"); hits == 0 {
		t.Error("no row came from the cache")
	}
	if got := s.metric("ml_fraud_score_count"); got != float64(probe+200) {
		t.Errorf("ml_fraud_score_count is %v, want %d", got, probe+200)
	}
}

// A swap in mid-stream: every prediction equals the number of the model that its version names, none is lost, and a
// deployment that fails leaves the live model serving.
func TestSwapInMidStream(t *testing.T) {
	r := newRig(t, 4)
	r.setRows(0)
	s := r.serve(r.cfg).ready()
	sent := 0
	more := func() { r.send(sent, sent+50); sent += 50 }
	for range 10 {
		more()
	}
	r.deploy(`{"model_path":"fraud_model_v3.txt"}`)
	eventually(t, "v3 is live", func() bool { more(); return s.metric(`millrace_deployments_total{outcome="live"}`) == 2 })
	r.deploy(`{"model_path":"broken_model.txt"}`)
	r.deploy(`not a deployment`)
	r.deploy(`{"model_path":"../` + filepath.Base(r.models) + `/fraud_model_v2.txt"}`)
	eventually(t, "three are refused", func() bool { more(); return s.metric(`millrace_deployments_total{outcome="rejected"}`) == 3 })
	more()

	v2, v3 := model(t, "fraud_model_v2.txt"), model(t, "fraud_model_v3.txt")
	count, differs := map[string]int{}, false
	last := map[int32]string{}
	for _, p := range r.predictions(sent) {
		row := storeRow(p.ID%100, 0)
		of2, of3 := expect(t, v2, p.ID, row), expect(t, v3, p.ID, row)
		differs = differs || of2 != of3
		if want := map[string]float64{"fraud_model_v2": of2, "fraud_model_v3": of3}[p.Version]; p.Score != want {
			t.Errorf("event %d says %s and scores %v, want %v", p.ID, p.Version, p.Score, want)
		}
		if name := headerOf(p.record, headerModel); !strings.HasPrefix(name, p.Version+"@") {
			t.Errorf("event %d says %s and its header %s", p.ID, p.Version, name)
		}
		if p.Version == "fraud_model_v2" && last[p.record.Partition] == "fraud_model_v3" {
			t.Errorf("event %d is scored by v2 behind one that v3 scored", p.ID)
		}
		last[p.record.Partition] = p.Version
		count[p.Version]++
	}
	if !differs || count["fraud_model_v2"] < 500 || count["fraud_model_v3"] < 50 {
		t.Errorf("predictions by version: %v, models differ: %v", count, differs)
	}
	_, body := s.get("/status")
	var page struct {
		Model       struct{ Version string }
		Deployments []struct{ Outcome, Reason string }
	}
	if err := json.Unmarshal([]byte(body), &page); err != nil {
		t.Fatal(err)
	}
	if page.Model.Version != "fraud_model_v3" || len(page.Deployments) != 5 || page.Deployments[2].Reason == "" {
		t.Errorf("/status says %s", body)
	}

	// A new instance reads the log to its end before its first event: it starts with v3, not with the configured file.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	r.serve(r.cfg).ready()
	r.send(sent, sent+100)
	for _, p := range r.predictions(sent + 100) {
		if p.ID >= sent && p.Version != "fraud_model_v3" {
			t.Errorf("after a restart event %d is scored by %s", p.ID, p.Version)
		}
	}
}

// Redis goes away and comes back: events are scored on, with what is known, and say so; afterwards as before.
func TestRedisGoesAwayAndComesBack(t *testing.T) {
	r := newRig(t, 4)
	r.setRows(0)
	s := r.serve(r.cfg).ready()
	r.send(0, 50) // Users 0 to 49 are in the cache from here on.
	r.predictions(50)
	v2 := model(t, "fraud_model_v2.txt")

	r.redis.Stop()
	r.send(50, 150)
	for _, p := range r.predictions(150) {
		if p.ID < 50 {
			continue
		}
		row, want := storeRow(p.ID%100, 0), "stale"
		if p.ID < 100 { // Users 50 to 99 were never seen.
			row, want = [3]float64{}, "default"
		}
		if len(p.Features) != 3 || p.Features["tx_count_1h"] != want {
			t.Errorf("event %d names the features %v, want all three %s", p.ID, p.Features, want)
		}
		if score := expect(t, v2, p.ID, row); p.Score != score {
			t.Errorf("event %d: score %v, want %v", p.ID, p.Score, score)
		}
	}
	stale := s.metric(`millrace_degraded_total{feature="tx_count_1h",status="stale"}`)
	defaulted := s.metric(`millrace_degraded_total{feature="tx_count_1h",status="default"}`)
	if stale != 50 || defaulted != 50 {
		t.Errorf("degraded: %v stale and %v default, want 50 and 50", stale, defaulted)
	}
	if code, _ := s.get("/readyz"); code != http.StatusOK {
		t.Errorf("/readyz is %d without Redis, want 200: the policy is to score on", code)
	}

	if err := r.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	r.setRows(2)
	sent := 150
	eventually(t, "rows come from the store again", func() bool {
		r.send(sent, sent+100)
		sent += 100
		for _, p := range r.predictions(sent) {
			if p.ID >= sent-100 && p.Features != nil {
				return false
			}
		}
		return true
	})
	for _, p := range r.predictions(sent) {
		if p.ID >= sent-100 {
			if want := expect(t, v2, p.ID, storeRow(p.ID%100, 2)); p.Score != want {
				t.Errorf("event %d: score %v, want %v", p.ID, p.Score, want)
			}
		}
	}
}

// Redis that is down at the start is Redis that goes down later.
func TestServeStartsWithoutRedis(t *testing.T) {
	r := newRig(t, 2)
	r.redis.Stop()
	r.serve(r.cfg).ready()
	r.send(0, 20)
	for _, p := range r.predictions(20) {
		if p.Features["avg_amount_1h"] != "default" {
			t.Errorf("event %d names the features %v", p.ID, p.Features)
		}
	}
}

// Without any model the service is up, not ready, and polls nothing; the first deployment starts it.
func TestServeWaitsForAModel(t *testing.T) {
	r := newRig(t, 2)
	r.cfg.Model.Path, r.cfg.Model.Roots = "", []string{r.models}
	s := r.serve(r.cfg)
	code, body := s.get("/readyz")
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "set model.path or deploy one") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if code, _ := s.get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d", code)
	}
	joins := r.kafka.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Observe: true, Count: -1})
	asked := 0
	eventually(t, "the deployments are read, and then some", func() bool {
		if strings.Contains(s.log.String(), "no model") {
			asked++
		}
		return asked == 50
	})
	if n := joins.Hits(); n != 0 {
		t.Errorf("%d attempts to join the group without a model", n)
	}
	r.deploy(`{"model_path":"fraud_model_v3.txt","version":"three"}`)
	s.ready()
	r.send(0, 10)
	for _, p := range r.predictions(10) {
		if p.Version != "three" {
			t.Errorf("event %d is scored by %s", p.ID, p.Version)
		}
	}
}

// Missing topics: the output's and the dead letters' keep the service from being ready; the deployments' does not, and
// is followed once it is there.
func TestServeWaitsForItsTopics(t *testing.T) {
	r := newRig(t, 2)
	r.cfg.Kafka.Output, r.cfg.Kafka.Deployments = "out-later", "deployments-later"
	s := r.serve(r.cfg)
	eventually(t, "the missing topic is named", func() bool {
		code, body := s.get("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "out-later (kafka.output)")
	})
	if err := r.kafka.CreateTopic("out-later", 2, nil); err != nil {
		t.Fatal(err)
	}
	s.ready()
	r.send(0, 10)
	r.predictions(10)
	if err := r.kafka.CreateTopic("deployments-later", 1, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the topic can be produced to", func() bool {
		r.client.ForceMetadataRefresh()
		return r.client.ProduceSync(t.Context(), &kgo.Record{Topic: "deployments-later", Value: []byte(`{"model_path":"fraud_model_v3.txt"}`)}).FirstErr() == nil
	})
	eventually(t, "it is followed", func() bool { return s.metric(`millrace_deployments_total{outcome="live"}`) >= 2 })
}

// What is wrong at the start ends it in one line that names the thing and the mend.
func TestServeEndsInOneLine(t *testing.T) {
	r := newRig(t, 1)
	dir := t.TempDir()
	unnamed := filepath.Join(dir, "renamed.txt")
	data, err := os.ReadFile(r.cfg.Model.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unnamed, []byte(strings.Replace(string(data), "feature_names=amount merchant_category", "feature_names=merchant_category amount", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		want []string
	}{
		{"a missing model", []string{"--model-path", "nowhere.txt"}, []string{"model.path", "nowhere.txt", "no such file"}},
		{"a broken model", []string{"--model-path", filepath.Join(r.models, "broken_model.txt")}, []string{"model.path", "broken_model.txt"}},
		{"a pickle", []string{"--model-path", pickle(t)}, []string{"pickle", "save_model"}},
		{"features in another order", []string{"--model-path", unnamed}, []string{"renamed.txt", "amount", "merchant_category"}},
		{"an unreachable broker", []string{"--kafka-brokers", "127.0.0.1:1", "--kafka-connect-timeout", "300ms"}, []string{"127.0.0.1:1", "kafka.brokers"}},
		{"an unknown flag", []string{"--kafka-broker", "x"}, []string{"--kafka-broker", "--kafka-brokers"}},
		{"a wrong type", []string{"--kafka-session-timeout", "soon"}, []string{"kafka.session_timeout", "soon"}},
		{"exactly-once", []string{"--kafka-delivery", "exactly-once"}, []string{"kafka.delivery", "not available yet"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			args := append([]string{"serve", "--http-addr", "127.0.0.1:0", "--redis-addrs", r.redis.Addr()}, test.args...)
			environ := []string{"MILLRACE_KAFKA_BROKERS=" + strings.Join(r.cfg.Kafka.Brokers, ",")}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			code := run(ctx, args, environ, &stdout, &stderr)
			if code != 1 || strings.Count(stderr.String(), "\n") != 1 {
				t.Errorf("exit %d, stderr %q, want 1 and one line", code, stderr.String())
			}
			for _, want := range test.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr %q does not name %q", stderr.String(), want)
				}
			}
		})
	}
}

func pickle(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fraud_model_v2.pkl")
	if err := os.WriteFile(path, []byte("\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x08sklearn."), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The page, the metrics and both health answers are there, and the seed's three metrics have their names and bounds.
func TestOperatorsSeeTheService(t *testing.T) {
	r := newRig(t, 2)
	s := r.serve(r.cfg).ready()
	poison := &kgo.Record{Topic: r.cfg.Kafka.Input, Key: []byte("u1"), Value: []byte(`{"user_id":`)}
	if err := r.client.ProduceSync(t.Context(), poison).FirstErr(); err != nil {
		t.Fatal(err)
	}
	r.send(0, 10)
	r.predictions(10)
	eventually(t, "the outcomes are counted", func() bool {
		return s.metric(`ml_predictions_total{model_version="fraud_model_v2"}`) >= 10 && s.metric(`millrace_dead_letters_total{class="invalid_json"}`) == 1
	})
	if n := s.metric(`ml_predictions_total{model_version="fraud_model_v2"}`); n != 10 {
		t.Errorf("ml_predictions_total is %v with ten predictions and a dead letter", n)
	}
	for path, want := range map[string]string{"/": "<!doctype html>", "/healthz": "", "/readyz": `"ready":true`, "/status": `"predictions":10`} {
		if code, body := s.get(path); code != http.StatusOK || !strings.Contains(strings.ToLower(body), want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	_, body := s.get("/metrics")
	for _, series := range []string{
		`ml_predictions_total{model_version="fraud_model_v2"}`,
		`ml_prediction_latency_seconds_bucket{le="0.005"}`, `ml_prediction_latency_seconds_bucket{le="10"}`,
		`ml_fraud_score_bucket{le="0.1"}`, `ml_fraud_score_bucket{le="0.3"}`, `ml_fraud_score_bucket{le="0.5"}`,
		`ml_fraud_score_bucket{le="0.7"}`, `ml_fraud_score_bucket{le="0.9"}`, `ml_fraud_score_bucket{le="+Inf"}`,
		"millrace_cache_hits_total", "millrace_cache_misses_total", "millrace_cache_stale_total",
		`millrace_degraded_total{feature="tx_count_1h",status="default"}`, `millrace_dead_letters_total{class="invalid_json"}`,
		`millrace_deployments_total{outcome="live"}`, `millrace_deployments_total{outcome="rejected"}`, "millrace_swap_seconds_count",
		fmt.Sprintf(`millrace_model_info{version="fraud_model_v2",digest=%q}`, deployment(t, modelV2).Digest),
		`millrace_queue_depth{partition="0"}`, `millrace_lag_records{partition="1"}`,
	} {
		if !strings.Contains(body, "\n"+series+" ") && !strings.HasPrefix(body, series+" ") {
			t.Errorf("/metrics has no %s", series)
		}
	}
}
