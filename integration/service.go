//go:build integration

package integration

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// service is one `millrace serve`, a process of its own.
type service struct {
	t       testing.TB
	name    string
	process *process
	page    string // address of its page
	stopped bool   // by the test
}

// stopWithin is how long the service may take from SIGTERM to its end.
const stopWithin = 10 * time.Second

var pageLine = regexp.MustCompile(`page=(http://\S+)`)

// serve starts an instance and waits until its page is up. settings are environment variables behind the scene's own,
// without their prefix: "MODEL_PATH=…". An instance that the test does not end is ended after it, in order.
func (s *scene) serve(instance string, settings ...string) *service {
	s.t.Helper()
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for _, setting := range append([]string{
		"INSTANCE=" + instance,
		"HTTP_ADDR=127.0.0.1:0",
		"KAFKA_BROKERS=" + shared.kafka.addr,
		"KAFKA_GROUP=" + s.group,
		"KAFKA_INPUT=" + s.input(),
		"KAFKA_OUTPUT=" + s.output(),
		"KAFKA_DEAD_LETTERS=" + s.deadLetters(),
		"KAFKA_DEPLOYMENTS=" + s.deployments(),
		"KAFKA_STATUS=" + s.status(),
		"KAFKA_SESSION_TIMEOUT=6s", // The least that a broker allows where nobody configured it.
		"KAFKA_REBALANCE_TIMEOUT=10s",
		"REDIS_ADDRS=" + shared.redis.addr,
		"FEATURES_TIMEOUT=5s", // On a loaded machine a healthy answer may take long.
		"MODEL_PATH=" + modelPath(shared.root, "fraud_model_v2"),
	}, settings...) {
		environ = append(environ, "MILLRACE_"+setting)
	}
	started, err := startProcess(s.t.TempDir(), environ, shared.binary, "serve")
	if err != nil {
		s.t.Fatal(err)
	}
	v := &service{t: s.t, name: instance, process: started}
	s.t.Cleanup(v.end)
	err = started.await("the page of "+instance, 20*time.Second, func() error {
		found := pageLine.FindSubmatch(started.output.bytes())
		if found == nil {
			return io.EOF
		}
		v.page = string(found[1])
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// ready waits until the instance says so.
func (v *service) ready() *service {
	v.t.Helper()
	eventually(v.t, v.name+" is ready", func() bool {
		code, _ := v.get("/readyz")
		return code == http.StatusOK
	})
	return v
}

// get asks the instance's page, which has to answer.
func (v *service) get(path string) (code int, body string) {
	v.t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(v.page + path)
	if err != nil {
		v.t.Fatalf("%s of %s: %v", path, v.name, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// metric is the sum of the series that begin with a name or a name and labels.
func (v *service) metric(prefix string) float64 {
	v.t.Helper()
	_, body := v.get("/metrics")
	sum := 0.0
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		fields := strings.Fields(line)
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			v.t.Fatal(err)
		}
		sum += value
	}
	return sum
}

// predictions counts what the instance has written.
func (v *service) predictions() int { return int(v.metric("ml_predictions_total")) }

// owned is how many partitions the instance has.
func (v *service) owned() int {
	_, body := v.get("/metrics")
	return strings.Count(body, "\nmillrace_queue_depth{")
}

// terminate is SIGTERM: the instance has to end with 0 within [stopWithin].
func (v *service) terminate() {
	v.t.Helper()
	v.stopped = true
	code, took := v.process.terminate(stopWithin)
	if code != 0 {
		v.t.Errorf("%s ended with %d, %v after SIGTERM, want 0 within %v", v.name, code, took.Round(time.Millisecond), stopWithin)
		return
	}
	v.t.Logf("%s ended with 0, %v after SIGTERM", v.name, took.Round(time.Millisecond))
}

// crash is SIGKILL.
func (v *service) crash() {
	v.stopped = true
	v.process.kill()
}

// end is what becomes of an instance after its test.
func (v *service) end() {
	if !v.stopped {
		if v.process.running() {
			v.terminate()
		} else {
			v.t.Errorf("%s ended by itself with %d", v.name, v.process.cmd.ProcessState.ExitCode())
		}
	}
	if v.t.Failed() {
		v.t.Logf("the log of %s:\n%s", v.name, last(v.process.output.bytes(), 20_000))
	}
}
