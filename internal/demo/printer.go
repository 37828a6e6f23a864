package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// printer writes what a visitor of the demo reads. On a terminal the live line stays in its place and other lines go
// above it; elsewhere each is a line of its own.
type printer struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	live     string // On the terminal's last line now.
}

// line prints a line that stays.
func (p *printer) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal {
		fmt.Fprintln(p.out, text)
		return
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s\n%s", text, p.live)
}

// update replaces the live line.
func (p *printer) update(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal {
		fmt.Fprintln(p.out, text)
		return
	}
	p.live = text
	fmt.Fprintf(p.out, "\r\x1b[K%s", text)
}

// end leaves the live line where it is; what follows starts below it.
func (p *printer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal && p.live != "" {
		fmt.Fprintln(p.out)
		p.live = ""
	}
}

// liveLine is one second in one line.
func liveLine(since time.Duration, t *tally, over time.Duration, versions []string, cache string) string {
	model := "none"
	if len(versions) > 0 {
		model = strings.Join(versions, " + ")
	}
	return fmt.Sprintf("%4.0fs  %6.0f predictions/s  p50 %s  p99 %s  fraud %s  model %s  cache hits %s",
		since.Seconds(), float64(t.scored)/over.Seconds(), millis(t.latency.quantile(0.50)), millis(t.latency.quantile(0.99)),
		percent(float64(t.flagged), float64(t.scored)), model, cache)
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// percent is part of whole, or a dash where there is no whole.
func percent(part, whole float64) string {
	if whole <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*part/whole)
}
