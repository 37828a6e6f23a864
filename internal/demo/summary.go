package demo

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Summary is what was observed from the first event to the end of the final wait. Its numbers come from the traffic
// sent, the output topics and the service's /metrics; none is the service's word about itself but the cache hits and
// the count of rejected deployments.
type Summary struct {
	Interrupted bool // The context ended before the planned duration; steps not reached are not held against anyone.

	Events      int // Sent that can be scored.
	Poison      int // Sent that cannot.
	Scored      int // Events with exactly one prediction so far.
	DeadLetters int
	Unexpected  int // Dead letters of events that could have been scored.
	Lost        int // Records without a prediction or a dead letter when the final wait ended.
	Stray       int // Predictions and dead letters beyond one for each record sent.
	Malformed   int // Predictions that could not be read.
	Backslides  int // Events scored by an older model after a newer one had been seen at work.

	Versions   []string      // Model versions seen in the predictions, in order.
	SwapAsked  bool          // The deployment of the second model was published.
	Swapped    bool          // It was seen in the predictions.
	SwapTook   time.Duration // From publishing the deployment to seeing its first prediction.
	BreakAsked bool          // The deployment of the broken model was published.
	Refused    bool          // The service counted a rejection, and events sent after it were scored by the model before.

	Frauds  int // Scored events that were fraud.
	Flagged int // Scored events called fraud.
	Caught  int // Both.

	P50, P99    time.Duration // From when an event was due to when its prediction was read.
	CacheHits   float64       // Feature rows found in the service's cache.
	CacheMisses float64
}

// err is why this was not a good demonstration, in one line, or nil.
func (s *Summary) err() error {
	var problems []string
	check := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	check(s.Scored == 0 && !s.Interrupted, "nothing was scored")
	check(s.Lost > 0, "%d of %d records are lost", s.Lost, s.Events+s.Poison)
	check(s.Stray > 0, "%d outcomes are duplicates or strays", s.Stray)
	check(s.Malformed > 0, "%d predictions cannot be read", s.Malformed)
	check(s.Unexpected > 0, "%d good events are among the dead letters", s.Unexpected)
	check(s.Backslides > 0, "%d events were scored by an older model after a newer one", s.Backslides)
	check(!s.Swapped && !s.Interrupted, "the model was not swapped")
	check(!s.Refused && !s.Interrupted, "the broken model was not seen to be refused")
	if len(problems) == 0 {
		return nil
	}
	return errors.New("demo: " + strings.Join(problems, "; "))
}

// print writes the summary for a reader.
func (s *Summary) print(out io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-14s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(out, "Summary")
	line("sent", "%d events and %d records that cannot be scored", s.Events, s.Poison)
	line("scored", "%d, dead letters %d, lost %d, duplicates %d", s.Scored, s.DeadLetters, s.Lost, s.Stray)
	line("latency", "p50 %s, p99 %s, from when an event is due to when its prediction is read", millis(s.P50), millis(s.P99))
	line("fraud", "%d of %d caught (recall %s), %d flagged (precision %s)", s.Caught, s.Frauds,
		percent(float64(s.Caught), float64(s.Frauds)), s.Flagged, percent(float64(s.Caught), float64(s.Flagged)))
	line("cache", "%s of the feature rows came from the service's memory", percent(s.CacheHits, s.CacheHits+s.CacheMisses))
	switch {
	case s.Swapped:
		line("swap", "%s, seen %s after its deployment was published", s.Versions[len(s.Versions)-1], millis(s.SwapTook))
	case s.SwapAsked:
		line("swap", "asked for and not seen")
	}
	switch {
	case s.Refused:
		line("broken model", "refused, and %s went on scoring", s.Versions[len(s.Versions)-1])
	case s.BreakAsked:
		line("broken model", "not seen to be refused")
	}
}
