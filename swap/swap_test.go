package swap

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"millrace/features"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "model-deployments"

// folder holds copies of the committed models and what a hostile event might name beside it.
func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "models")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fraud_model_v2.txt", "fraud_model_v3.txt", "broken_model.txt"} {
		data, err := os.ReadFile(filepath.Join("..", "testdata", "models", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(data))
		if name == "fraud_model_v2.txt" {
			write(t, filepath.Join(dir, "renamed.txt"), strings.Replace(string(data), "tx_count_1h avg_amount_1h", "avg_amount_1h tx_count_1h", 1))
			write(t, filepath.Join(dir, "odd name\n.txt"), string(data))
			write(t, filepath.Join(filepath.Dir(dir), "outside.txt"), string(data))
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.txt"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"current.txt": "fraud_model_v3.txt", "escape.txt": filepath.Join("..", "outside.txt"), "gone.txt": "nothing.txt",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func contract(t *testing.T) *features.Contract {
	t.Helper()
	c, err := features.NewContract(features.DefaultFeatures(), features.Layout{ID: "transaction_id", Key: "user_id"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDeployOpensOnlyWhatTheRootsHold(t *testing.T) {
	dir := folder(t)
	c, half := contract(t), 0.5
	l := NewLoader(Config{Path: filepath.Join(dir, "fraud_model_v2.txt")}, c, &half, -1)
	data, err := os.ReadFile(filepath.Join(dir, "fraud_model_v3.txt"))
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	for _, test := range []struct {
		event   Event
		version string // of the deployment, or
		reason  string // a part of why it is refused
	}{
		{Event{ModelPath: "fraud_model_v3.txt"}, "fraud_model_v3", ""},
		{Event{ModelPath: "./fraud_model_v3.txt", Version: "2026-11-22"}, "2026-11-22", ""},
		{Event{ModelPath: filepath.Join(dir, "fraud_model_v3.txt")}, "fraud_model_v3", ""},
		{Event{ModelPath: "sub/../fraud_model_v3.txt"}, "fraud_model_v3", ""},
		{Event{ModelPath: "current.txt"}, "current", ""},
		{Event{ModelPath: "fraud_model_v3.txt", SHA256: strings.ToUpper(sum)}, "fraud_model_v3", ""},
		{Event{ModelPath: "fraud_model_v3.txt", SHA256: strings.Repeat("0", 64)}, "", "has sha256 " + sum},
		{Event{}, "", "names no model_path"},
		{Event{ModelPath: "nowhere.txt"}, "", "no such file"},
		{Event{ModelPath: "gone.txt"}, "", "no such file"},
		{Event{ModelPath: "../outside.txt"}, "", "escapes"},
		{Event{ModelPath: "escape.txt"}, "", "escapes"},
		{Event{ModelPath: filepath.Join(filepath.Dir(dir), "outside.txt")}, "", "outside model.roots"},
		{Event{ModelPath: "/etc/passwd"}, "", "outside model.roots"},
		{Event{ModelPath: "sub"}, "", "not a regular file"},
		{Event{ModelPath: "pipe.txt"}, "", "not a regular file"},
		{Event{ModelPath: strings.Repeat("x", 100_000)}, "", "file name too long"},
		{Event{ModelPath: "broken_model.txt"}, "", "broken_model.txt: "},
		{Event{ModelPath: "renamed.txt"}, "", "tx_count_1h"},
		{Event{ModelPath: "odd name\n.txt"}, "", "characters other than printable ASCII"},
		{Event{ModelPath: "fraud_model_v3.txt", Version: strings.Repeat("v", 200)}, "", "200 bytes"},
		{Event{ModelPath: "fraud_model_v3.txt", Version: `v"3`}, "", "printable ASCII"},
	} {
		d, err := l.Deploy(test.event)
		switch {
		case test.reason != "":
			if err == nil || !strings.Contains(err.Error(), test.reason) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 2000 {
				t.Errorf("%+.200v: %.200v, want one short line with %q", test.event, err, test.reason)
			}
		case err != nil:
			t.Errorf("%+v: %v", test.event, err)
		case d.Version != test.version || d.Model == nil || d.Contract != c || *d.Threshold != half:
			t.Errorf("%+v: version %q, want %q", test.event, d.Version, test.version)
		}
	}
	if _, err := NewLoader(Config{}, c, nil, -1).Deploy(Event{ModelPath: "fraud_model_v3.txt"}); err == nil || !strings.Contains(err.Error(), "set model.roots") {
		t.Errorf("without roots: %v", err)
	}
	if _, err := NewLoader(Config{Roots: []string{dir}}, c, nil, 1).Deploy(Event{ModelPath: "fraud_model_v3.txt"}); err == nil || !strings.Contains(err.Error(), "output.class is 1") {
		t.Errorf("a class that the model does not have: %v", err)
	}
	other := folder(t)
	two := NewLoader(Config{Roots: []string{filepath.Join(dir, "sub"), other}}, c, nil, -1)
	if d, err := two.Deploy(Event{ModelPath: "fraud_model_v3.txt"}); err != nil || d.Version != "fraud_model_v3" {
		t.Errorf("the second root is not looked in: %v", err)
	}
}

// The digest changes with everything that fixes a score, and with nothing else.
func TestDigest(t *testing.T) {
	half, third := 0.5, 0.3
	base := contract(t)
	changed := features.DefaultFeatures()
	one := features.Default(1)
	changed[2].Default = &one
	other, err := features.NewContract(changed, features.Layout{ID: "transaction_id", Key: "user_id"})
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := features.NewContract(features.DefaultFeatures(), features.Layout{ID: "id", Key: "card", Copy: []string{"channel"}})
	if err != nil {
		t.Fatal(err)
	}
	model := []byte("tree\n")
	digest := Digest(model, base, &half)
	if len(digest) != 16 || strings.Trim(digest, "0123456789abcdef") != "" {
		t.Errorf("digest %q, want 16 hex digits", digest)
	}
	for what, d := range map[string]string{
		"model": Digest([]byte("tree"), base, &half), "default": Digest(model, other, &half),
		"threshold": Digest(model, base, &third), "no threshold": Digest(model, base, nil),
	} {
		if d == digest {
			t.Errorf("another %s has the same digest", what)
		}
	}
	if Digest(model, elsewhere, &half) != digest {
		t.Error("the names of the event's fields change the digest, and no score")
	}
}

func TestSlotIsFilledOnce(t *testing.T) {
	var s Slot
	select {
	case <-s.Filled():
		t.Fatal("an empty slot is filled")
	default:
	}
	first, second := &Deployment{Version: "1"}, &Deployment{Version: "2"}
	s.Store(first)
	<-s.Filled()
	s.Store(second)
	if s.Load() != second {
		t.Error("the last stored deployment is not live")
	}
}

// bench is a Kafka with a deployments topic, and a folder of models.
type bench struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
	dir     string
}

func newBench(t *testing.T) *bench {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &bench{t: t, cluster: cluster, client: client, dir: folder(t)}
}

// publish appends events; one that begins with "key=" carries that key.
func (b *bench) publish(values ...string) {
	b.t.Helper()
	for _, value := range values {
		r := &kgo.Record{Topic: topic, Value: []byte(value)}
		if key, rest, found := strings.Cut(value, "="); found && !strings.HasPrefix(value, "{") {
			r.Key, r.Value = []byte(key), []byte(rest)
		}
		if err := b.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
	}
}

// watch makes a watcher whose configured model is path, caught up with the topic.
func (b *bench) watch(path string) (*Watcher, *Slot, error) {
	b.t.Helper()
	cfg := DefaultConfig()
	cfg.Path, cfg.Roots = path, []string{b.dir}
	half := 0.5
	slot := new(Slot)
	log := slog.New(slog.NewTextHandler(b.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	w := NewWatcher(cfg, topic, []kgo.Opt{kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.MetadataMinAge(50 * time.Millisecond)},
		NewLoader(cfg, contract(b.t), &half, -1), slot, metrics.NewSet(), log)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := w.CatchUp(ctx)
	if err == nil {
		following, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- w.Run(following) }()
		b.t.Cleanup(func() {
			stop()
			if err := <-done; err != nil {
				b.t.Errorf("Run: %v", err)
			}
		})
	}
	return w, slot, err
}

// At a start the newest deployment that verifies is live, whatever stands behind it in the log.
func TestCatchUpFoldsTheLog(t *testing.T) {
	for _, test := range []struct {
		name   string
		log    []string
		config string
		want   string // version, empty for none
		err    string
	}{
		{"an empty topic", nil, "fraud_model_v2.txt", "fraud_model_v2", ""},
		{"the seed's event", []string{`{"model_path":"fraud_model_v3.txt"}`}, "fraud_model_v2.txt", "fraud_model_v3", ""},
		{"with a key", []string{`fraud={"model_path":"fraud_model_v3.txt"}`}, "fraud_model_v2.txt", "fraud_model_v3", ""},
		{"another model's", []string{`churn={"model_path":"fraud_model_v3.txt"}`}, "fraud_model_v2.txt", "fraud_model_v2", ""},
		{"the newest wins", []string{`{"model_path":"fraud_model_v3.txt"}`, `{"model_path":"fraud_model_v2.txt","version":"again"}`}, "", "again", ""},
		{"rejected ones change nothing", []string{
			`{"model_path":"fraud_model_v3.txt"}`, `{"model_path":"broken_model.txt"}`, `{"model_path":"../outside.txt"}`, `no json`, `[]`, `{}`,
			`{"model_path":"fraud_model_v2.txt","mode":"shadow"}`, `{"action":"rollback"}`,
		}, "fraud_model_v2.txt", "fraud_model_v3", ""},
		{"only rejected ones", []string{`{"model_path":"broken_model.txt"}`}, "fraud_model_v2.txt", "fraud_model_v2", ""},
		{"a missing configured file matters not", []string{`{"model_path":"fraud_model_v3.txt"}`}, "gone.txt", "fraud_model_v3", ""},
		{"nothing at all", nil, "", "", ""},
		{"a missing configured file", nil, "gone.txt", "", "model.path"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.publish(test.log...)
			path := test.config
			if path != "" {
				path = filepath.Join(b.dir, path)
			}
			_, slot, err := b.watch(path)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("CatchUp: %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if d := slot.Load(); d != nil {
				got = d.Version
			}
			if got != test.want {
				t.Errorf("%q is live, want %q", got, test.want)
			}
		})
	}
}

// Transaction markers and aborted deployments lie in the log too; neither stops the reading nor counts.
func TestCatchUpPassesOverTransactions(t *testing.T) {
	b := newBench(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.TransactionalID("deployer"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	for _, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		path := map[kgo.TransactionEndTry]string{kgo.TryCommit: "fraud_model_v3.txt", kgo.TryAbort: "fraud_model_v2.txt"}[commit]
		client.Produce(ctx, &kgo.Record{Topic: topic, Value: []byte(`{"model_path":"` + path + `"}`)}, nil)
		if err := client.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if err := client.EndTransaction(ctx, commit); err != nil {
			t.Fatal(err)
		}
	}
	w, slot, err := b.watch("")
	if err != nil {
		t.Fatal(err)
	}
	if h := w.History(); len(h) != 1 {
		t.Errorf("the history is %+v, want the committed deployment alone", h)
	}
	if d := slot.Load(); d == nil || d.Version != "fraud_model_v3" {
		t.Errorf("%+v is live, want fraud_model_v3", d)
	}
}

func TestRunFollowsTheTopic(t *testing.T) {
	b := newBench(t)
	w, slot, err := b.watch(filepath.Join(b.dir, "fraud_model_v2.txt"))
	if err != nil {
		t.Fatal(err)
	}
	live := func(version string) func() bool {
		return func() bool { return slot.Load().Version == version }
	}
	b.publish(`{"model_path":"fraud_model_v3.txt"}`)
	eventually(t, "v3 is live", live("fraud_model_v3"))
	b.publish(`{"model_path":"broken_model.txt"}`)
	eventually(t, "the broken one is refused", func() bool { return len(w.History()) == 3 })
	if last := w.History()[2]; last.Live || !strings.Contains(last.Reason, "broken_model.txt") || last.Source != topic+"/0/1" {
		t.Errorf("the history says %+v", last)
	}
	if !live("fraud_model_v3")() {
		t.Error("a refused deployment changed what is live")
	}

	// Of several at once only the newest goes live: nothing is scored by those before it on the way.
	var burst []*kgo.Record
	for i := range 20 {
		burst = append(burst, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, `{"model_path":"fraud_model_v2.txt","version":"b%d"}`, i)})
	}
	before := len(w.History())
	if err := b.client.ProduceSync(context.Background(), burst...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the newest of a burst is live", live("b19"))
	if n := len(w.History()) - before; n > 10 {
		t.Errorf("%d of 20 deployments at once went live on the way", n)
	}

	// A topic that is deleted and made again is followed too.
	if err := b.cluster.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if err := b.cluster.CreateTopic(topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new topic can be written", func() bool {
		client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(`{"model_path":"fraud_model_v2.txt","version":"anew"}`)}).FirstErr() == nil
	})
	eventually(t, "its deployment is live", live("anew"))
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
