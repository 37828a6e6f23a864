package demo

import "time"

// tally is what was seen in the output topics over some time.
type tally struct {
	scored      int
	flagged     int // Predictions that say fraud.
	caught      int // Of them, those that are right.
	frauds      int // Scored events that are fraud in truth.
	deadLetters int
	unexpected  int // Dead letters of events that could have been scored; counted in deadLetters too.
	stray       int // Outcomes of nothing that waits for one: duplicates, or of records never sent.
	malformed   int // Predictions that are not what the format promises.
	backslides  int // Scored by an older model although due after a newer one had been seen.
	latency     latencies
}

// add counts a prediction about an event that was sent.
func (t *tally) add(e entry, flagged bool, took time.Duration) {
	t.scored++
	if flagged {
		t.flagged++
	}
	if e.fraud {
		t.frauds++
	}
	if flagged && e.fraud {
		t.caught++
	}
	t.latency.add(took)
}

// sighting is one model version seen in the predictions.
type sighting struct {
	version string
	first   time.Time // When its first prediction was seen.
	lastDue time.Time // The latest time an event it scored was due.
	scored  int
}
