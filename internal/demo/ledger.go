package demo

import (
	"sync"
	"time"
)

// ledger holds what was sent and has had no outcome yet, so that its size is the backlog and not the history. The
// traffic enters, the observer settles.
type ledger struct {
	mu     sync.Mutex
	open   map[string]entry // Good events by transaction id, poison by its whole value.
	events int
	poison int
}

// entry is one record on its way.
type entry struct {
	due    time.Time // When it was to be sent.
	fraud  bool
	poison bool
}

func newLedger() *ledger { return &ledger{open: map[string]entry{}} }

// enter must come before the record is produced, or its outcome could be there first.
func (l *ledger) enter(key string, e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[key] = e
	if e.poison {
		l.poison++
	} else {
		l.events++
	}
}

// settle takes an entry out. It is false where there is none: the outcome of nothing that was sent, or a second one.
func (l *ledger) settle(key string) (entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.open[key]
	delete(l.open, key)
	return e, ok
}

// sent counts what was entered so far.
func (l *ledger) sent() (events, poison int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events, l.poison
}

// backlog is the number of entries without an outcome.
func (l *ledger) backlog() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}
