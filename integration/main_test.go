//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// suite is what all tests share: made by TestMain before the first, and ended by it after the last.
type suite struct {
	tools      tools
	root       string // of the repository
	binary     string // the service
	kafka      *broker
	redis      *redisServer
	references map[string]*reference // by the version that a prediction names
}

// shared is set once, before any test runs.
var shared *suite

func TestMain(m *testing.M) { os.Exit(runSuite(m)) }

// runSuite is TestMain with its clean-up in defers, which a panic runs too. A test that panics ends the process
// without them: then the children get their signal from the kernel.
func runSuite(m *testing.M) int {
	dir, err := os.MkdirTemp("", "millrace-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	s := &suite{}
	defer s.end()
	if err := s.start(dir); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		return 1
	}
	shared = s
	return m.Run()
}

func (s *suite) start(dir string) (err error) {
	if s.tools, err = findTools(); err != nil {
		return err
	}
	if s.root, err = filepath.Abs(".."); err != nil {
		return err
	}
	s.binary = filepath.Join(dir, "millrace")
	build := exec.Command("go", "build", "-o", s.binary, ".")
	build.Dir, build.Env = s.root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the service: %w\n%s", err, out)
	}
	if s.references, err = newReferences(s.tools, s.root, dir, "fraud_model_v2", "fraud_model_v3"); err != nil {
		return err
	}
	if s.redis, err = newRedis(s.tools, filepath.Join(dir, "redis")); err != nil {
		return err
	}
	if err := s.redis.start(); err != nil {
		return err
	}
	if s.kafka, err = newBroker(s.tools, s.root, filepath.Join(dir, "kafka")); err != nil {
		return err
	}
	return s.kafka.start()
}

// end kills what start started. The data is thrown away, so nobody is asked to leave in order.
func (s *suite) end() {
	if s.kafka != nil {
		s.kafka.kill()
	}
	if s.redis != nil {
		s.redis.kill()
		s.redis.close()
	}
}
