package offline

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progressEvery is the time between two drawings, and from the start to the first: what is done sooner
// shows nothing.
const progressEvery = 200 * time.Millisecond

// Progress is a line on a terminal that says how far Score has come, drawn over and over in its place
// and erased at the end. It belongs to one Score, on whose goroutine it draws; nil draws nothing.
type Progress struct {
	out   io.Writer
	size  int64 // Bytes of the input, 0 where nobody knows.
	start time.Time
	drawn time.Time
	width int // Of the line that stands there, 0 for none.
}

// NewProgress draws on out, which should be a terminal. size is how many bytes the input has; where it is
// 0 there is no share done and no time left.
func NewProgress(out io.Writer, size int64) *Progress {
	now := time.Now()
	return &Progress{out: out, size: size, start: now, drawn: now}
}

// update is told after each batch how many rows were scored and how many bytes read.
func (p *Progress) update(rows, read int64) {
	if p == nil || time.Since(p.drawn) < progressEvery {
		return
	}
	p.drawn = time.Now()
	line := p.line(rows, read, p.drawn.Sub(p.start))
	// Blanks over what a longer line left behind: every terminal knows them, and not all an escape.
	fmt.Fprintf(p.out, "\r%-*s", p.width, line)
	p.width = len(line)
}

// line fits into 80 columns: on a narrower terminal it would wrap, and stay.
func (p *Progress) line(rows, read int64, elapsed time.Duration) string {
	const cells = 20
	counts := fmt.Sprintf("%d rows  %.0f rows/s", rows, float64(rows)/elapsed.Seconds())
	if p.size <= 0 {
		return counts
	}
	share := min(float64(read)/float64(p.size), 1) // A file may have grown since it was looked at.
	full := int(share * cells)
	line := fmt.Sprintf("[%s%s] %3.0f %%  %s", strings.Repeat("#", full), strings.Repeat(".", cells-full), 100*share, counts)
	// Of hours upon hours nothing is known yet, and of no share done nothing at all.
	if left := elapsed.Seconds() * (1 - share) / share; left < 100*3600 {
		line += fmt.Sprintf("  %v left", time.Duration(left*float64(time.Second)).Round(time.Second))
	}
	return line
}

// erase leaves the terminal as it was.
func (p *Progress) erase() {
	if p != nil && p.width > 0 {
		fmt.Fprintf(p.out, "\r%*s\r", p.width, "")
		p.width = 0
	}
}
