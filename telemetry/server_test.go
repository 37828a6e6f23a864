package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a server on a port of its own until the test ends, and gives its base URL.
func start(t *testing.T, set *metrics.Set, checks []Check, status func() Status) string {
	t.Helper()
	server, err := Listen(Config{Addr: "127.0.0.1:0"}, set, checks, status, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + server.Addr()
}

// ask makes one request and gives the answer with its whole body.
func ask(t *testing.T, method, url string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestReadyNamesEveryReason(t *testing.T) {
	var model, group error
	url := start(t, nil, []Check{
		{Name: "model", Err: func() error { return model }},
		{Name: "group", Err: func() error { return group }},
	}, nil)
	for _, c := range []struct {
		model, group error
		code         int
		body         string
	}{
		{nil, nil, 200, `{"ready":true}`},
		{errors.New("no model: set model.path or deploy one"), nil, 503, `{"ready":false,"reasons":{"model":"no model: set model.path or deploy one"}}`},
		{errors.New("a"), errors.New(`"b"`), 503, `{"ready":false,"reasons":{"group":"\"b\"","model":"a"}}`},
		{nil, nil, 200, `{"ready":true}`},
	} {
		model, group = c.model, c.group
		answer, body := ask(t, "GET", url+"/readyz")
		if answer.StatusCode != c.code || body != c.body+"\n" {
			t.Errorf("got %d %s, want %d %s", answer.StatusCode, body, c.code, c.body)
		}
		if answer, body := ask(t, "GET", url+"/healthz"); answer.StatusCode != 200 || body != "ok\n" {
			t.Errorf("healthz: %d %q", answer.StatusCode, body)
		}
	}
}

func TestStatusCarriesReadiness(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	given := Status{
		Instance: "host-8000", Version: "dev", Ready: true, Predictions: 12, DeadLetters: 3, LatencyP50: .001, LatencyP99: .02,
		Model:       &Model{Version: "v2", Digest: "0123456789abcdef", Format: "lightgbm v4", Trees: 100, Engine: "compiled (masks)", Referee: "leaves", Since: at, Contract: []string{"amount"}},
		Cache:       CacheStatus{Hits: 9, Misses: 2, Stale: 1},
		Partitions:  []Partition{{Topic: "transactions", Partition: 7, Lag: 40, Queue: 4}},
		Deployments: []Deployment{{At: at, Version: "v3", Outcome: "rejected", Reason: "wrong digest", Took: .1}},
	}
	url := start(t, nil, []Check{{Name: "group", Err: func() error { return errors.New("not joined") }}}, func() Status { return given })
	_, body := ask(t, "GET", url+"/status")
	want := `{"instance":"host-8000","version":"dev","ready":false,"reasons":{"group":"not joined"},` +
		`"model":{"version":"v2","digest":"0123456789abcdef","format":"lightgbm v4","trees":100,"engine":"compiled (masks)","referee":"leaves","since":"2026-03-01T12:00:00Z","contract":["amount"]},` +
		`"predictions":12,"dead_letters":3,"latency_p50":0.001,"latency_p99":0.02,"cache":{"hits":9,"misses":2,"stale":1},` +
		`"partitions":[{"topic":"transactions","partition":7,"lag":40,"queue":4}],` +
		`"deployments":[{"at":"2026-03-01T12:00:00Z","version":"v3","outcome":"rejected","reason":"wrong digest","took":0.1}]}`
	if diff := cmp.Diff(want+"\n", body); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestPageReadsOnlyWhatStatusHas holds the script and the struct together: a field renamed on one side is an empty
// tile on the other.
func TestPageReadsOnlyWhatStatusHas(t *testing.T) {
	text, err := json.Marshal(Status{
		Model: &Model{}, Started: time.Now(),
		Partitions: []Partition{{}}, Deployments: []Deployment{{Reason: "x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var has struct {
		Status      map[string]any
		Model       map[string]any   `json:"model"`
		Cache       map[string]any   `json:"cache"`
		Partitions  []map[string]any `json:"partitions"`
		Deployments []map[string]any `json:"deployments"`
	}
	if err := errors.Join(json.Unmarshal(text, &has), json.Unmarshal(text, &has.Status)); err != nil {
		t.Fatal(err)
	}
	for name, fields := range map[string]map[string]any{
		"status": has.Status, "m": has.Model, "cache": has.Cache, "p": has.Partitions[0], "d": has.Deployments[0],
	} {
		read := regexp.MustCompile(`\b`+name+`\.([a-z_0-9]+)`).FindAllStringSubmatch(pageHTML, -1)
		if len(read) == 0 {
			t.Errorf("the page reads nothing of %s", name)
		}
		for _, field := range read {
			if _, ok := fields[field[1]]; !ok {
				t.Errorf("the page reads %s, which the status does not have", field[0])
			}
		}
	}
}

func TestPageIsSelfContained(t *testing.T) {
	url := start(t, nil, nil, nil)
	answer, body := ask(t, "GET", url+"/")
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || body != pageHTML {
		t.Fatalf("%d %s, %d bytes", answer.StatusCode, answer.Header.Get("Content-Type"), len(body))
	}
	policy := answer.Header.Get("Content-Security-Policy")
	want := regexp.MustCompile(`^default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; ` +
		`frame-ancestors 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; script-src 'sha256-[A-Za-z0-9+/]{43}='$`)
	if !want.MatchString(policy) {
		t.Errorf("policy %q", policy)
	}
	for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
		if got := answer.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	// The policy allows exactly one style and one script, and none in attributes; nothing is fetched from elsewhere.
	for pattern, count := range map[string]int{
		`<style[ >]`: 1, `<script[ >]`: 1, `(?i)https?:|//[a-z]+\.|@import|url\(`: 0,
		`\sstyle=|\son[a-z]+=`: 0, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b`: 0,
		`src=`: 0, `<link `: 1, `name="viewport"`: 1, `prefers-color-scheme: dark`: 1,
	} {
		if got := len(regexp.MustCompile(pattern).FindAllString(body, -1)); got != count {
			t.Errorf("%s is %d times in the page, want %d", pattern, got, count)
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	url := start(t, nil, nil, nil)
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/", 200},
		{"GET", "/index.html", 404},
		{"GET", "/page.html", 404},
		{"GET", "/debug/pprof/", 404},
		{"GET", "/metrics/x", 404},
		{"POST", "/status", 405},
		{"DELETE", "/", 405},
		{"HEAD", "/", 200},
		{"HEAD", "/metrics", 200},
		{"HEAD", "/readyz", 200},
		{"HEAD", "/nothing", 404},
	} {
		answer, body := ask(t, c.method, url+c.path)
		if answer.StatusCode != c.code || c.method == "HEAD" && body != "" {
			t.Errorf("%s %s: %d with %d bytes, want %d", c.method, c.path, answer.StatusCode, len(body), c.code)
		}
		if answer.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s %s: no policy", c.method, c.path)
		}
	}
}

func TestTakenPortIsOneLineWithTheMend(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	addr := other.Addr().String()
	_, err = Listen(Config{Addr: addr}, nil, nil, nil, nil)
	if want := fmt.Sprintf("http.addr: %s is taken by another process: stop that one or set http.addr to a free port", addr); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err = Listen(Config{Addr: "192.0.2.1:8000"}, nil, nil, nil, nil); err == nil || !strings.Contains(err.Error(), "is not an address of this host") {
		t.Errorf("got %v", err)
	}
}

func TestCloseGivesThePortBack(t *testing.T) {
	server, err := Listen(Config{Addr: "127.0.0.1:0"}, nil, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	again, err := Listen(Config{Addr: server.Addr()}, nil, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// TestRunStops covers the three ends: a request in flight is answered, one that never ends is cut off after two
// seconds, and a listener that breaks is an error.
func TestRunStops(t *testing.T) {
	t.Run("after the request in flight", func(t *testing.T) {
		asked, answer := make(chan struct{}), make(chan struct{})
		elapsed, body, err := stopDuringRequest(t, asked, func() { <-answer }, func() { close(answer) })
		if err != nil || !strings.Contains(body, `"ready":true`) || elapsed >= stopWithin {
			t.Errorf("after %v: %q, %v", elapsed, body, err)
		}
	})
	t.Run("within two seconds of one that hangs", func(t *testing.T) {
		asked, never := make(chan struct{}), make(chan struct{})
		elapsed, _, err := stopDuringRequest(t, asked, func() { <-never }, func() {})
		close(never)
		if err == nil || os.IsTimeout(err) || elapsed < stopWithin || elapsed > stopWithin+2*time.Second {
			t.Errorf("after %v: the client got %v", elapsed, err)
		}
	})
	t.Run("with an error when the listener breaks", func(t *testing.T) {
		server, err := Listen(Config{Addr: "127.0.0.1:0"}, nil, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = server.listener.Close()
		if err := server.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "serve http on 127.0.0.1:") {
			t.Errorf("got %v", err)
		}
	})
}

// stopDuringRequest ends a server while it answers /status, whose function closes asked and then waits. onStop runs
// once the server was told to stop. It gives the time the stop took and what the client got.
func stopDuringRequest(t *testing.T, asked chan struct{}, wait, onStop func()) (elapsed time.Duration, body string, err error) {
	t.Helper()
	server, err := Listen(Config{Addr: "127.0.0.1:0"}, nil, nil, func() Status { close(asked); wait(); return Status{} }, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended, answered := make(chan error, 1), make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	go func() {
		client := http.Client{Timeout: 10 * time.Second}                 // Far beyond the server's own limit, which is to end it.
		answer, err := client.Get("http://" + server.Addr() + "/status") //nolint:noctx // As above.
		if err == nil {
			defer answer.Body.Close()
			var b []byte
			b, err = io.ReadAll(answer.Body)
			body = string(b)
		}
		answered <- err
	}()
	<-asked
	begun := time.Now()
	cancel()
	onStop()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	elapsed = time.Since(begun)
	err = <-answered
	http.DefaultClient.CloseIdleConnections()
	return elapsed, body, err
}

func TestConfigValidate(t *testing.T) {
	for addr, want := range map[string]string{
		":8000":          "",
		"127.0.0.1:0":    "",
		"[::1]:8000":     "",
		"localhost:http": "",
		"8000":           `http.addr: "8000" is not host:port, such as :8000`,
		"":               `http.addr: "" is not host:port, such as :8000`,
		"host:":          `http.addr: "" is not a port`,
		":70000":         `http.addr: "70000" is not a port`,
		":x":             `http.addr: "x" is not a port`,
	} {
		var got string
		if err := (Config{Addr: addr}).Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", addr, got, want)
		}
	}
}
