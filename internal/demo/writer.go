package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// featureWriter is the other end of the feature store: it writes the rows that changed, in micro-batches, as a stream
// job would. Rows that wait are replaced by newer ones of the same user, so that a slow store costs freshness and
// never memory.
type featureWriter struct {
	client rueidis.Client

	mu      sync.Mutex
	waiting map[string]Row
	wake    chan struct{} // Holds one token while anything waits.
}

func newFeatureWriter(redis string) (*featureWriter, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:       []string{redis},
		ClientName:        "demo-features",
		ForceSingleClient: true,
		DisableCache:      true,
	})
	if err != nil {
		return nil, fmt.Errorf("connect the feature writer: %w", err)
	}
	return &featureWriter{client: client, waiting: map[string]Row{}, wake: make(chan struct{}, 1)}, nil
}

// put hands rows over and does not wait for them to be written.
func (w *featureWriter) put(updates []Update) {
	w.mu.Lock()
	for _, u := range updates {
		w.waiting[u.UserID] = u.Row
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// batchRows bounds a micro-batch, and batchTime is how long one may take.
const (
	batchRows = 512
	batchTime = 2 * time.Second
)

// run writes what is put until ctx ends, and finishes the micro-batch in hand. Errors of the store are not its end:
// rows go back in line and are tried again.
func (w *featureWriter) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		}
		for w.write() != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

// write sends everything that waits now, in micro-batches. Rows not written go back in line behind newer ones.
func (w *featureWriter) write() error {
	w.mu.Lock()
	rows := w.waiting
	w.waiting = make(map[string]Row, len(rows))
	w.mu.Unlock()
	for users := range slices.Chunk(slices.Collect(maps.Keys(rows)), batchRows) {
		if err := w.send(users, rows); err != nil {
			w.putBack(rows)
			return err
		}
		for _, user := range users {
			delete(rows, user)
		}
	}
	return nil
}

// send writes one micro-batch: the rows of these users.
func (w *featureWriter) send(users []string, rows map[string]Row) error {
	ctx, cancel := context.WithTimeout(context.Background(), batchTime)
	defer cancel()
	commands := make(rueidis.Commands, 0, len(users))
	for _, user := range users {
		value := rueidis.BinaryString(rows[user].AppendJSON(nil))
		commands = append(commands, w.client.B().Set().Key("features:"+user).Value(value).Build())
	}
	for i, result := range w.client.DoMulti(ctx, commands...) {
		if err := result.Error(); err != nil {
			return fmt.Errorf("write features of %s: %w", users[i], err)
		}
	}
	return nil
}

// putBack returns rows to the line where no newer ones of the same users wait.
func (w *featureWriter) putBack(rows map[string]Row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for user, row := range rows {
		if _, newer := w.waiting[user]; !newer {
			w.waiting[user] = row
		}
	}
}

func (w *featureWriter) close() { w.client.Close() }
