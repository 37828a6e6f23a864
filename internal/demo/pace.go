package demo

import "time"

// pace is an open-loop schedule: event n is due n/rate seconds after the start, however late the ones before it were.
type pace struct {
	start time.Time
	rate  int64 // Events a second.
}

// due is when event n (from 0) is to be sent. Whole seconds are split off so that nothing overflows or drifts.
func (p pace) due(n int64) time.Time {
	seconds, rest := n/p.rate, n%p.rate
	return p.start.Add(time.Duration(seconds)*time.Second + time.Duration(rest)*time.Second/time.Duration(p.rate))
}

// count is how many events are due by now.
func (p pace) count(now time.Time) int64 {
	since := now.Sub(p.start)
	if since < 0 {
		return 0
	}
	seconds, rest := int64(since/time.Second), int64(since%time.Second)
	return seconds*p.rate + rest*p.rate/int64(time.Second) + 1
}
