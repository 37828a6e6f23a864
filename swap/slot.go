package swap

import (
	"sync"
	"sync/atomic"
	"time"

	"millrace/features"
	"millrace/scoring"
)

// Deployment is a model made ready to serve, with all that fixes a score. It is immutable.
type Deployment struct {
	Version   string
	Digest    string // see [Digest]
	Path      string // the file it came from
	Source    string // topic/partition/offset of the event that asked for it; empty for the configured model
	Model     *scoring.Model
	Contract  *features.Contract
	Threshold *float64  // a score above it is a positive decision; nil means that none is made
	Since     time.Time // when it was made ready
}

// Name is version@digest, as predictions carry it in the millrace-model header.
func (d *Deployment) Name() string { return d.Version + "@" + d.Digest }

// Slot holds the live deployment. Its zero value is empty and ready for use; Load costs one atomic read.
type Slot struct {
	live  atomic.Pointer[Deployment]
	once  sync.Once
	first chan struct{}
}

// Load is the live deployment, nil while there is none.
func (s *Slot) Load() *Deployment { return s.live.Load() }

// Store makes d live for every batch that starts from now on.
func (s *Slot) Store(d *Deployment) {
	s.live.Store(d)
	select {
	case <-s.filled():
	default:
		close(s.first)
	}
}

// Filled is closed once there is a live deployment.
func (s *Slot) Filled() <-chan struct{} { return s.filled() }

func (s *Slot) filled() chan struct{} {
	s.once.Do(func() { s.first = make(chan struct{}) })
	return s.first
}
