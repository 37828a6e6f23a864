package scoring

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

// TestTolerated are forms of a file that mean the same model.
func TestTolerated(t *testing.T) {
	for _, form := range []struct {
		name   string
		change func(string) string
	}{
		{"version v3", func(s string) string { return strings.Replace(s, "version=v4", "version=v3", 1) }},
		{"version v2", func(s string) string { return strings.Replace(s, "version=v4", "version=v2", 1) }},
		{"Windows line ends", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
		{"no tree_sizes", func(s string) string { return sizes.ReplaceAllString(s, "") }},
		{"no tail", func(s string) string { return s[:strings.Index(s, "end of trees")+len("end of trees")] }},
	} {
		text := form.change(string(readModel(t, "category_wide.txt")))
		m, err := Open([]byte(text), Options{})
		if err != nil {
			t.Errorf("%s: %v", form.name, err)
			continue
		}
		want := readExpected(t, "category_wide.txt")
		raws := make([]float64, len(want.raws))
		if err := m.PredictRaw(raws, want.rows); err != nil {
			t.Fatal(err)
		}
		agree(t, form.name+" margin", raws, want.raws, 0)
	}
}

// TestTruncations cuts a file everywhere: only what lacks nothing but the tail is a model.
func TestTruncations(t *testing.T) {
	data := readModel(t, "category_narrow.txt")
	end := bytes.Index(data, []byte("end of trees")) + len("end of trees")
	for n := range end {
		if _, err := Open(data[:n], Options{}); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a whole model", n, len(data))
		}
	}
}

// TestMutations damages bytes and bits at random. What still opens must score as our reading of the file says.
func TestMutations(t *testing.T) {
	d := newDice(1, nil)
	damage(t, func(data []byte) []byte {
		for range 1 + d.IntN(3) {
			if at := d.IntN(len(data)); chance(d, 0.7) {
				data[at] = "0123456789-.e= \n"[d.IntN(16)]
			} else {
				data[at] ^= 1 << d.IntN(8)
			}
		}
		return data
	})
}

// TestSwappedNumbers puts other numbers in the place of some.
func TestSwappedNumbers(t *testing.T) {
	d := newDice(1, nil)
	damage(t, func(data []byte) []byte { return swapNumbers(d, data) })
}

// damage tries files that are hit, some of which must still be models and some not.
func damage(t *testing.T, hit func(data []byte) []byte) {
	t.Helper()
	for _, file := range []string{"continued.txt", "category_narrow.txt", "linear_category.txt", "multiclass.txt"} {
		whole := readModel(t, file)
		whole = whole[:bytes.Index(whole, []byte("end of trees"))+13]
		opened := 0
		for i := range 400 {
			data := bytes.Clone(whole)
			if i%2 == 0 { // Without the sizes, damage is found later.
				data = sizes.ReplaceAll(data, nil)
			}
			if tryOpen(t, hit(data)) {
				opened++
			}
		}
		if opened < 20 || opened > 380 {
			t.Errorf("%s: %d of 400 damaged files still were models", file, opened)
		}
	}
}

var (
	sizes    = regexp.MustCompile(`tree_sizes=.*\n`)
	numerals = regexp.MustCompile(`-?[0-9][0-9.e+-]*`)
)

// swapNumbers replaces a few numbers of a text by others of it, neighbours, and enormous ones.
func swapNumbers(d *rand.Rand, data []byte) []byte {
	for range 1 + d.IntN(3) {
		all := numerals.FindAllIndex(data, -1)
		if len(all) == 0 {
			return data
		}
		at, from := all[d.IntN(len(all))], all[d.IntN(len(all))]
		other := string(data[from[0]:from[1]])
		if chance(d, 0.6) {
			other = one(d, "0", "-0", "1", "-1", "2", "3", "5", "9", "15", "31", "-2147483648", "2147483647", "2147483648", "4294967295",
				"9223372036854775807", "1e308", "-1e308", "1e999", "1e-40", "inf", "-inf", "nan", "0.5", "", "1 1")
		}
		data = slices.Replace(bytes.Clone(data), at[0], at[1], []byte(other)...)
	}
	return data
}

// tryOpen opens what may be no model. Where it is one, it holds the engine against the naive evaluator, the
// model's rows alone and together, on top of what the referee found.
func tryOpen(t *testing.T, data []byte) bool {
	t.Helper()
	before := allocated()
	m, err := Open(data, Options{})
	if spent := allocated() - before; spent > memoryFor(len(data)) {
		t.Errorf("Open allocated %d bytes for %d", spent, len(data))
	}
	if err != nil {
		if m != nil || strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 400 {
			t.Errorf("Open = %v, %q", m, err)
		}
		return false
	}
	in, out := m.Features(), m.Margins()
	n := min(70, 1+1<<16/(in*out))
	rows := newRowDice(m.forest).rows(newDice(1, nil), n)
	got, single, want := make([]float64, n*out), make([]float64, out), make([]float64, out)
	if err := m.PredictRaw(got, rows); err != nil {
		t.Fatal(err)
	}
	for r := range n {
		row := rows[r*in : (r+1)*in]
		if err := m.PredictRaw(single, row); err != nil {
			t.Fatal(err)
		}
		m.forest.margins(want, nil, row)
		for k := range want {
			if !same(single[k], want[k]) || !same(got[r*out+k], want[k]) {
				t.Fatalf("margin %d of %v is %v alone, %v of %d rows, the naive evaluator says %v", k, row, single[k], got[r*out+k], n, want[k])
			}
		}
	}
	return true
}

// memoryFor is what opening so many bytes may allocate, all told: a small multiple of the file beside what
// engines and the referee need for themselves. The race detector needs more for the same.
func memoryFor(n int) uint64 {
	if raceEnabled {
		return 16<<20 + 128*uint64(n)
	}
	return 8<<20 + 64*uint64(n)
}

// allocated is the number of bytes allocated since the program began.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
