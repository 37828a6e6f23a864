package offline

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// screen is a terminal of one line that knows what Progress needs: characters over what stands there, and \r.
type screen struct {
	t     *testing.T
	line  []byte
	at    int
	shown []string // What stood there after each drawing, and since when.
	start time.Time
}

func newScreen(t *testing.T) *screen { return &screen{t: t, start: time.Now()} }

func (s *screen) Write(p []byte) (int, error) {
	for _, c := range p {
		switch {
		case c == '\r':
			s.at = 0
		case c < ' ' || c > '~':
			s.t.Errorf("%q is drawn", c)
		case s.at == 79:
			s.t.Fatalf("the line is too long: %q", p)
		default:
			if s.at == len(s.line) {
				s.line = append(s.line, ' ')
			}
			s.line[s.at] = c
			s.at++
		}
	}
	s.shown = append(s.shown, fmt.Sprintf("%v %s", time.Since(s.start), bytes.TrimRight(s.line, " ")))
	return len(p), nil
}

// slow reads as one piece after each wait.
type slow struct {
	piece []byte
	waits []time.Duration
}

func (s *slow) Read(p []byte) (int, error) {
	if len(s.waits) == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.waits[0])
	s.waits = s.waits[1:]
	return copy(p, s.piece), nil
}

// TestProgress scores four batches that come late, and reads the terminal.
func TestProgress(t *testing.T) {
	m := openModel(t, "one_feature")
	batch := bytes.Repeat([]byte("[1]\n"), batchRows)
	for _, c := range []struct {
		name   string
		behind io.Reader
		err    bool
	}{
		{"done", strings.NewReader(""), false},
		{"refused", strings.NewReader("[1,2]\n"), true},
		{"broken", iotest.ErrReader(io.ErrClosedPipe), true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newScreen(t)
			waits := []time.Duration{time.Second, time.Second, 150 * time.Millisecond, 1850 * time.Millisecond}
			in := io.MultiReader(&slow{piece: batch, waits: waits}, c.behind)
			err := Score(t.Context(), m, in, io.Discard, Options{Progress: NewProgress(s, int64(4*len(batch)))})
			if (err != nil) != c.err {
				t.Errorf("%s: %v", c.name, err)
			}
			want := []string{
				"1s [#####...............]  25 %  512 rows  512 rows/s  3s left",
				"2s [##########..........]  50 %  1024 rows  512 rows/s  2s left",
				// At 2.15 s the line had not stood for long enough.
				"4s [####################] 100 %  2048 rows  512 rows/s  0s left",
				"4s ",
			}
			if diff := cmp.Diff(want, s.shown); diff != "" {
				t.Errorf("%s: the terminal showed (-want +got):\n%s", c.name, diff)
			}
			if s.at != 0 {
				t.Errorf("%s: the cursor is left in column %d", c.name, s.at)
			}
		})
	}
}

func TestProgressLines(t *testing.T) {
	for _, c := range []struct {
		name       string
		size       int64
		wait       time.Duration
		rows, read int64
		want       string
	}{
		{"too soon", 0, 199 * time.Millisecond, 512, 512, ""},
		{"size unknown", 0, 200 * time.Millisecond, 512, 512, "200ms 512 rows  2560 rows/s"},
		{"nothing read", 100, time.Second, 0, 0, "1s [....................]   0 %  0 rows  0 rows/s"},
		{"file grown", 100, time.Second, 7, 900, "1s [####################] 100 %  7 rows  7 rows/s  0s left"},
		{"much to do", 2e11, 1e4 * time.Second, 1e10, 1e11, "2h46m40s [##########..........]  50 %  10000000000 rows  1000000 rows/s  2h46m40s left"},
		{"little done", 1 << 62, time.Hour, 1, 1, "1h0m0s [....................]   0 %  1 rows  0 rows/s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newScreen(t)
			p := NewProgress(s, c.size)
			time.Sleep(c.wait)
			p.update(c.rows, c.read)
			if got := strings.Join(s.shown, "\n"); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		})
	}
}

// TestProgressLeavesNothing holds that a shorter line covers a longer one, and that without a line nothing is erased.
func TestProgressLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t)
		p := NewProgress(s, 0)
		p.erase()
		time.Sleep(time.Second)
		p.update(100_000, 0)
		time.Sleep(99 * time.Second)
		p.update(100_001, 0)
		p.erase()
		p.erase()
		want := []string{"1s 100000 rows  100000 rows/s", "1m40s 100001 rows  1000 rows/s", "1m40s "}
		if diff := cmp.Diff(want, s.shown); diff != "" {
			t.Errorf("the terminal showed (-want +got):\n%s", diff)
		}
	})
}
