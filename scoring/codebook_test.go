package scoring

import (
	"math"
	"testing"
)

// TestCodes holds that codes are the categories' places, by table or by search, and that a table is no larger
// than a small multiple of the categories.
func TestCodes(t *testing.T) {
	for _, categories := range [][]uint32{
		nil,
		{0},
		{7},
		{directCodes - 1},
		{1<<31 - 1},
		{0, 1, 2, 31, 32, 63, 64},
		{3, 500, directCodes},
		{3, 500, 1<<24 - 1},
		members(setOf(0, 1000)), members(setOf(500, directCodes)), members(setOf(0, directCodes+1)),
	} {
		book := codebook{categories: categories}
		book.index()
		if len(book.direct) > 64+16*len(categories) {
			t.Errorf("a table of %d for %d categories", len(book.direct), len(categories))
		}
		place := map[uint32]uint32{}
		for i, category := range categories {
			place[category] = codeFirst + uint32(i)
			place[category+1] += 0
			place[category-1] += 0 // Below 0 it is the largest of all.
		}
		for category, want := range place {
			if got := book.code(category); got != want {
				t.Errorf("%d categories: code(%d) = %d, want %d", len(categories), category, got, want)
			}
		}
		if got := book.of(lightgbmRules, math.NaN()); got != book.codeNaN() || int(got) != book.size()-1 {
			t.Errorf("%d categories: NaN has code %d of %d", len(categories), got, book.size())
		}
		if got := book.of(lightgbmRules, -1); got != codeOther {
			t.Errorf("%d categories: -1 has code %d", len(categories), got)
		}
	}
}

func TestUnion(t *testing.T) {
	got := union([]setWord{{5, 1}, {2, 8}, {5, 6}, {0, 1 << 31}, {2, 8}})
	want := []setWord{{0, 1 << 31}, {2, 8}, {5, 7}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("union = %v, want %v", got, want)
	}
}
