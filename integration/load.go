//go:build integration

package integration

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// poisonEvery is how many beats of a load, a hundred a second, have one poison record among them.
const poisonEvery = 10

// load is a producer that sends events steadily, and now and then a poison record, whatever happens to the broker.
type load struct {
	scene *scene
	stop  context.CancelFunc
	done  chan struct{}

	mu     sync.Mutex
	sent   int
	acked  int
	failed error // the first
}

// startLoad begins to send events per second, the next of the scene's.
func (s *scene) startLoad(perSecond int) *load {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &load{scene: s, stop: stop, done: make(chan struct{})}
	client, err := kgo.NewClient(kgo.SeedBrokers(shared.kafka.addr), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		l.stop()
		<-l.done
		client.Close()
	})
	go l.run(ctx, client, perSecond)
	return l
}

func (l *load) run(ctx context.Context, client *kgo.Client, perSecond int) {
	defer close(l.done)
	const beat = 10 * time.Millisecond
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		records := l.scene.events(perSecond / int(time.Second/beat))
		if i%poisonEvery == 0 {
			records = append(records, poison(l.scene.input(), i/poisonEvery))
		}
		l.mu.Lock()
		l.sent += len(records)
		l.mu.Unlock()
		for _, record := range records {
			client.Produce(context.Background(), record, l.settle)
		}
	}
}

func (l *load) settle(_ *kgo.Record, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.acked++
	} else if l.failed == nil {
		l.failed = err
	}
}

// counts are the records sent so far, and those of them that the broker has acknowledged.
func (l *load) counts() (sent, acked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent, l.acked
}

// more waits until so many further records are acknowledged.
func (l *load) more(n int) {
	l.scene.t.Helper()
	_, before := l.counts()
	eventually(l.scene.t, "more of the load is acknowledged", func() bool {
		_, acked := l.counts()
		return acked >= before+n
	})
}

// finish ends the load and waits until all of it is acknowledged.
func (l *load) finish() {
	l.scene.t.Helper()
	l.stop()
	<-l.done
	eventually(l.scene.t, "all of the load is acknowledged", func() bool {
		sent, acked := l.counts()
		return acked == sent || l.failure() != nil
	})
	if err := l.failure(); err != nil {
		l.scene.t.Fatalf("the load itself could not be sent: %v", err)
	}
}

func (l *load) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}
