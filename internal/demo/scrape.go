package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// service is the scoring service as it looks over HTTP.
type service struct {
	base string // "http://host:port".
	http *http.Client
}

func newService(base string) *service {
	return &service{
		base: strings.TrimRight(base, "/"),
		http: &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{}},
	}
}

func (s *service) close() { s.http.CloseIdleConnections() }

// counters are the numbers on /metrics that the demo looks at.
type counters struct {
	hits, misses float64
	rejected     float64
}

// scrape reads the counters; those the service does not show are 0.
func (s *service) scrape(ctx context.Context) (counters, error) {
	body, err := s.get(ctx, "/metrics")
	if err != nil {
		return counters{}, err
	}
	return parseCounters(body)
}

// ready is nil when /readyz says so; otherwise the error carries its answer.
func (s *service) ready(ctx context.Context) error {
	_, err := s.get(ctx, "/readyz")
	return err
}

func (s *service) get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return "", fmt.Errorf("read %s%s: %w", s.base, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s%s answers %s: %s", s.base, path, response.Status, strings.Join(strings.Fields(string(body)), " "))
	}
	return string(body), nil
}

// parseCounters reads Prometheus' text format, version 0.0.4, and sums a metric over its labels.
func parseCounters(text string) (counters, error) {
	var c counters
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		var sum *float64
		switch name, labels := splitSeries(line); {
		case name == "millrace_cache_hits_total":
			sum = &c.hits
		case name == "millrace_cache_misses_total":
			sum = &c.misses
		case name == "millrace_deployments_total" && strings.Contains(labels, `outcome="rejected"`):
			sum = &c.rejected
		default:
			continue
		}
		// Behind the labels: the value, and perhaps a timestamp.
		fields := strings.Fields(line[strings.LastIndexByte(line, '}')+1:])
		if !strings.Contains(line, "}") {
			fields = fields[1:]
		}
		if len(fields) == 0 {
			return counters{}, fmt.Errorf("metrics: no value in %q", line)
		}
		value, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return counters{}, fmt.Errorf("metrics: %q: %w", line, err)
		}
		*sum += value
	}
	return c, lines.Err()
}

// splitSeries takes the name and the text between the braces off a line.
func splitSeries(line string) (name, labels string) {
	if head, rest, ok := strings.Cut(line, "{"); ok {
		return head, rest[:max(strings.LastIndexByte(rest, '}'), 0)]
	}
	name, _, _ = strings.Cut(line, " ")
	return name, ""
}
