//go:build integration

package integration

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// broker is a Kafka server of one node, its own controller. It keeps its port and its data when it is killed and
// started again.
type broker struct {
	addr    string // host:port
	dir     string
	command []string // java with its options, without the main class
	process *process
}

// newBroker configures a broker with its data in dir and formats it.
func newBroker(t tools, root, dir string) (*broker, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	controller, err := freeAddr()
	if err != nil {
		return nil, err
	}
	b := &broker{addr: addr, dir: dir, command: []string{
		t.java, "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dlog4j2.configurationFile=" + filepath.Join(root, "integration", "kafka", "log4j2.properties"),
		"-cp", filepath.Join(t.kafkaLibs, "*"),
	}}
	properties := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
log.dirs=%[3]s
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
`, addr, controller, filepath.Join(dir, "data"))
	if err := os.WriteFile(b.properties(), []byte(properties), 0o600); err != nil {
		return nil, err
	}
	format := b.with("kafka.tools.StorageTool", "format", "-t", "bWlsbHJhY2UtdGVzdHMAAA", "-c", b.properties())
	if out, err := exec.Command(b.command[0], format...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format the broker's storage: %w\n%s", err, out)
	}
	return b, nil
}

// with is java's arguments for a main class and its own arguments.
func (b *broker) with(args ...string) []string { return slices.Concat(b.command[1:], args) }

func (b *broker) properties() string { return filepath.Join(b.dir, "server.properties") }

// start starts the broker and returns once it answers.
func (b *broker) start() (err error) {
	if b.process, err = startProcess(b.dir, os.Environ(), b.command[0], b.with("kafka.Kafka", b.properties())...); err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr))
	if err != nil {
		return err
	}
	defer client.Close()
	return b.process.await("Kafka", time.Minute, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return client.Ping(ctx)
	})
}

// kill is a crash.
func (b *broker) kill() {
	if b.process != nil {
		b.process.kill()
	}
}

// freeAddr is a loopback address that nobody listens on just now.
func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
