package swap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Outcome is one line of a watcher's history: what was asked and what became of it.
type Outcome struct {
	At      time.Time
	Source  string // topic/partition/offset of the event; empty for the configured model
	Version string
	Live    bool
	Reason  string // why it was rejected
	Took    time.Duration
}

// historyLength is how many outcomes are kept.
const historyLength = 20

// Watcher follows the deployments topic and keeps a [Slot] filled. Every instance reads all of the topic, alone.
type Watcher struct {
	cfg    Config
	topic  string
	opts   []kgo.Opt
	loader *Loader
	slot   *Slot
	meters *meters
	log    *slog.Logger

	client *kgo.Client // made by CatchUp, closed by Run
	told   string      // the last read error logged

	mu      sync.Mutex
	history []Outcome
}

// NewWatcher makes a watcher of topic, empty for none. opts are those of every Kafka client of the process. A nil
// set or log means quiet.
func NewWatcher(cfg Config, topic string, opts []kgo.Opt, loader *Loader, slot *Slot, set *metrics.Set, log *slog.Logger) *Watcher {
	if set == nil {
		set = metrics.NewSet()
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{cfg: cfg, topic: topic, opts: opts, loader: loader, slot: slot, meters: newMeters(set), log: log}
}

// CatchUp reads the topic to its present end and fills the slot with what it says: the newest deployment that
// verifies, else the configured model. No deployment and no configured model leave the slot empty. The error is
// ctx's, or says why a configured model cannot serve when nothing else can.
func (w *Watcher) CatchUp(ctx context.Context) (err error) {
	var events []*kgo.Record
	if w.topic != "" {
		if err := w.connect(); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				w.client.Close()
			}
		}()
		if events, err = w.readToEnd(ctx); err != nil {
			return err
		}
	}
	if w.newest(events) {
		return nil
	}
	if w.cfg.Path == "" {
		w.log.Warn("no model: set model.path or deploy one")
		return nil
	}
	start := time.Now()
	d, err := w.loader.Configured(w.cfg.Path)
	if err != nil {
		return err
	}
	w.store(d, start)
	return nil
}

// connect makes the client that reads the topic from its start.
func (w *Watcher) connect() (err error) {
	w.client, err = kgo.NewClient(append(w.opts[:len(w.opts):len(w.opts)],
		kgo.ConsumeTopics(w.topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// Transaction markers take offsets too: without them the end might never be seen.
		kgo.KeepControlRecords(),
		kgo.FetchMaxWait(500*time.Millisecond),
	)...)
	if err != nil {
		return fmt.Errorf("kafka client for deployments: %w", err)
	}
	return nil
}

// Run follows the topic from where CatchUp left it until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	if w.client == nil {
		<-ctx.Done()
		return nil
	}
	defer func() { w.client.Close() }()
	for {
		records, recreated := w.poll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		w.newest(inOrder(records))
		if recreated { // The client knows the topic by the identity it had; only a new one sees its successor.
			w.client.Close()
			if err := w.connect(); err != nil {
				return err
			}
		}
	}
}

// refusedPause is the pause after a poll that brought only errors: what the client does not retry by itself comes
// back at once.
const refusedPause = time.Second

// poll waits for records. What it cannot read it logs, once while it stays the same; recreated tells that the topic
// was deleted and made again.
func (w *Watcher) poll(ctx context.Context) (records []*kgo.Record, recreated bool) {
	fetches := w.client.PollFetches(ctx)
	if ctx.Err() != nil && fetches.NumRecords() == 0 {
		return nil, false
	}
	refused := false
	fetches.EachError(func(topic string, partition int32, err error) {
		refused = true
		recreated = recreated || errors.Is(err, kerr.UnknownTopicID)
		if text := err.Error(); text != w.told {
			w.told = text
			w.log.Warn("cannot read deployments", "topic", topic, "partition", partition, "error", err)
		}
	})
	if records = fetches.Records(); len(records) == 0 && refused && !recreated {
		select {
		case <-ctx.Done():
		case <-time.After(refusedPause):
		}
	}
	return records, recreated
}

// newest makes the newest of these deployments live that verifies, and tells whether there was one. Those before it
// are superseded: nothing is scored by them on the way.
func (w *Watcher) newest(events []*kgo.Record) bool {
	for _, r := range slices.Backward(events) {
		if w.apply(r) {
			return true
		}
	}
	return false
}

// History lists the last outcomes, oldest first.
func (w *Watcher) History() []Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.history)
}

// readToEnd returns every record up to the end that the topic had when it began.
func (w *Watcher) readToEnd(ctx context.Context) ([]*kgo.Record, error) {
	missing, err := w.unread(ctx)
	if err != nil {
		return nil, err
	}
	var records []*kgo.Record
	for len(missing) > 0 {
		waiting, cancel := context.WithTimeout(ctx, patience)
		some, recreated := w.poll(waiting)
		silent := waiting.Err() != nil
		cancel()
		if recreated {
			w.client.Close()
			if err := w.connect(); err != nil {
				return nil, err
			}
			return w.readToEnd(ctx)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if silent {
			w.log.Warn("still reading the deployments topic to its end before the first event", "topic", w.topic, "awaited", missing)
		}
		for _, r := range some {
			records = append(records, r)
			if end, open := missing[r.Partition]; open && r.Offset+1 >= end {
				delete(missing, r.Partition)
			}
		}
	}
	return inOrder(records), nil
}

// patience is how long the reading to the end may be silent before the log says what is awaited.
const patience = 10 * time.Second

// unread maps each partition that holds anything to the offset at which it ends now. A topic that does not exist
// holds nothing; it is followed from its start once it is there.
func (w *Watcher) unread(ctx context.Context) (map[int32]int64, error) {
	admin := kadm.NewClient(w.client)
	for told := false; ; told = true {
		starts, err := admin.ListStartOffsets(ctx, w.topic)
		if err == nil {
			err = starts.Error()
		}
		var ends kadm.ListedOffsets
		if err == nil {
			if ends, err = admin.ListCommittedOffsets(ctx, w.topic); err == nil {
				err = ends.Error()
			}
		}
		switch {
		case err == nil:
			unread := map[int32]int64{}
			ends.Each(func(end kadm.ListedOffset) {
				if start, ok := starts.Lookup(end.Topic, end.Partition); ok && start.Offset < end.Offset {
					unread[end.Partition] = end.Offset
				}
			})
			return unread, nil
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			w.log.Warn("the deployments topic does not exist: models are not swapped until it does", "topic", w.topic)
			return nil, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !told:
			w.log.Warn("cannot list the deployments topic, trying again", "topic", w.topic, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// inOrder drops transaction markers and sorts by time. The topic should have one partition, whose order is the
// log's; with several there is no other.
func inOrder(records []*kgo.Record) []*kgo.Record {
	records = slices.DeleteFunc(records, func(r *kgo.Record) bool { return r.Attrs.IsControl() })
	several := false
	for _, r := range records {
		several = several || r.Partition != records[0].Partition
	}
	if several {
		slices.SortStableFunc(records, func(a, b *kgo.Record) int {
			return cmp.Or(a.Timestamp.Compare(b.Timestamp), cmp.Compare(a.Partition, b.Partition))
		})
	}
	return records
}

// apply carries one event out and tells whether its model is live now. A rejected one changes nothing.
func (w *Watcher) apply(r *kgo.Record) bool {
	if name := string(r.Key); r.Key != nil && name != "" && name != w.cfg.Name {
		w.log.Debug("deployment of another model", "model", name, "ours", w.cfg.Name)
		return false
	}
	start := time.Now()
	e, err := parseEvent(r)
	var d *Deployment
	if err == nil {
		d, err = w.loader.Deploy(e)
	}
	if err != nil {
		w.meters.rejected.Inc()
		w.log.Error("deployment rejected, the live model serves on", "deployment", e.Source, "reason", err)
		w.remember(Outcome{At: start, Source: e.Source, Version: fmt.Sprintf("%.*s", maxVersion, cmp.Or(e.Version, e.ModelPath)), Reason: err.Error(), Took: time.Since(start)})
		return false
	}
	w.store(d, start)
	return true
}

// store makes d live, last of all, and tells.
func (w *Watcher) store(d *Deployment, start time.Time) {
	before := w.slot.Load()
	w.slot.Store(d)
	took := time.Since(start)
	w.meters.stored(before, d, took)
	info := d.Model.Info()
	w.log.Info("model live", "version", d.Version, "digest", d.Digest, "deployment", d.Source, "took", took,
		"format", info.Format, "engine", info.Engine, "layout", info.Layout, "referee", info.Referee)
	w.remember(Outcome{At: start, Source: d.Source, Version: d.Version, Live: true, Took: took})
}

func (w *Watcher) remember(o Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = append(w.history, o)
	if len(w.history) > historyLength {
		w.history = slices.Delete(w.history, 0, 1)
	}
}
