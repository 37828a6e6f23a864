package features

// Status says where the value beside it comes from.
type Status uint8

// The statuses.
const (
	Present   Status = iota // The event or the store said so.
	Absent                  // The source was asked and has no such value: the default.
	Missing                 // As Absent, where the default is NaN.
	Stale                   // The store did not answer: our older copy of what it said.
	Defaulted               // The store could not say: the default.
)

// String is the word used in records and metrics: Absent and Defaulted are
// both "default"; Degraded tells them apart.
func (s Status) String() string {
	switch s {
	case Present:
		return "present"
	case Absent, Defaulted:
		return "default"
	case Missing:
		return missing
	case Stale:
		return "stale"
	}
	return "unknown"
}

// Degraded reports whether the value may differ from what a healthy store
// would have said.
func Degraded(s Status) bool { return s == Stale || s == Defaulted }
