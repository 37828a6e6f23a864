package demo

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// runDemo is long enough for one poison record, and for the script's three acts.
func runDemo(t *testing.T, misbehave func(*standIn)) (Summary, string, error) {
	t.Helper()
	stack := startStack(t)
	service := startStandIn(t, stack, misbehave)
	var out bytes.Buffer
	summary, err := Run(t.Context(), Options{
		Stack:    stack,
		HTTPAddr: service.url,
		Models:   Models{V2: "v2.txt", V3: "v3.txt", Broken: "broken.txt"},
		Rate:     1_500,
		Duration: 2100 * time.Millisecond,
		Patience: 300 * time.Millisecond,
		Out:      &out,
	})
	return summary, out.String(), err
}

func TestRunShowsAHealthyService(t *testing.T) {
	t.Parallel()
	summary, out, err := runDemo(t, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// 2.1 s at 1,500/s; a busy machine may leave out the last few, and sends none too many.
	if summary.Events < 2_600 || summary.Events > 3_150 || summary.Scored != summary.Events {
		t.Errorf("%d events sent, %d scored", summary.Events, summary.Scored)
	}
	if summary.Poison == 0 || summary.DeadLetters != summary.Poison {
		t.Errorf("%d poison records, %d dead letters", summary.Poison, summary.DeadLetters)
	}
	if strings.Join(summary.Versions, " ") != "v2 v3" || summary.SwapTook <= 0 || summary.SwapTook > time.Second {
		t.Errorf("versions %v, swap in %v", summary.Versions, summary.SwapTook)
	}
	if summary.P50 <= 0 || summary.P99 < summary.P50 {
		t.Errorf("p50 %v, p99 %v", summary.P50, summary.P99)
	}
	if summary.Frauds == 0 || summary.Caught == 0 || summary.Caught > min(summary.Frauds, summary.Flagged) {
		t.Errorf("%d frauds, %d flagged, %d caught", summary.Frauds, summary.Flagged, summary.Caught)
	}
	for _, want := range []string{
		"status page", "/metrics", "/readyz", " predictions/s  p50 ", "model v2", "published: deploy v3.txt",
		"model v3 scores now, v2 before", "the service says it refuses broken: it makes no sense",
		"seen: broken.txt is refused, v3 goes on scoring", "Summary", "lost 0",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not say %q", want)
		}
	}
	if strings.ContainsAny(out, "\r\x1b") {
		t.Error("control characters in what is not a terminal")
	}
	if t.Failed() {
		t.Log(out)
	}
}

// Each fault of a service must be seen from outside and named.
func TestRunFindsFaults(t *testing.T) {
	third := func(id string) bool { return strings.HasSuffix(id, "333") }
	for _, test := range []struct {
		name      string
		misbehave func(*standIn)
		want      string
		only      bool // No other complaint.
	}{
		{"events lost", func(s *standIn) { s.lose = third }, "records are lost", true},
		{"predicted twice", func(s *standIn) { s.double = third }, "duplicates", true},
		{"nothing scored", func(s *standIn) { s.lose = func(string) bool { return true } }, "nothing was scored", false},
		{"never swaps", func(s *standIn) { s.neverSwaps = true }, "the model was not swapped", true},
		{"broken model goes live", func(s *standIn) { s.takesBroken = true }, "not seen to be refused", true},
		{"broken model goes live later", func(s *standIn) { s.takesLater = true }, "not seen to be refused", true},
		{"broken model is passed over", func(s *standIn) { s.passesOver = true }, "not seen to be refused", true},
		{"poison is scored", func(s *standIn) { s.scoresPoison = true }, "records are lost", false},
		{"old model comes back", func(s *standIn) { s.slidesBack = true }, "scored by an older model", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, out, err := runDemo(t, test.misbehave)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one that says %q\n%s", err, test.want, out)
			}
			if test.only && strings.Contains(err.Error(), ";") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one complaint in one line", err)
			}
		})
	}
}

func TestRunEndsInOrderWhenInterrupted(t *testing.T) {
	stack := startStack(t)
	service := startStandIn(t, stack, nil)
	ctx, cancel := context.WithCancel(t.Context())
	out := &signalWriter{after: "predictions/s", then: cancel}
	summary, err := Run(ctx, Options{
		Stack: stack, HTTPAddr: service.url, Models: Models{V2: "v2.txt", V3: "v3.txt", Broken: "broken.txt"},
		Rate: 2_000, Out: out, Terminal: true,
	})
	if err != nil || !summary.Interrupted || summary.Lost != 0 || summary.Scored != summary.Events || summary.Scored == 0 {
		t.Errorf("%+v, %v", summary, err)
	}
	if !strings.Contains(out.text.String(), "\r\x1b[K") {
		t.Error("the live line of a terminal is not rewritten")
	}
}

// signalWriter acts once when a text has been written.
type signalWriter struct {
	text  bytes.Buffer
	after string
	then  func()
}

func (w *signalWriter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.after)) {
		w.then()
	}
	return w.text.Write(p)
}

func TestRunSaysWhyTheServiceIsNotReady(t *testing.T) {
	stack := startStack(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, Options{
		Stack: stack, HTTPAddr: "http://127.0.0.1:1", Models: Models{V3: "v3.txt", Broken: "broken.txt"}, Out: &bytes.Buffer{},
	})
	if err == nil || !strings.Contains(err.Error(), "before the service was ready") {
		t.Errorf("error %v", err)
	}
}
