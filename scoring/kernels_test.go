package scoring

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

// TestSearch holds the searches against sort.Search: how many keys lie below, padding not counted.
func TestSearch(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	for steps := range 11 {
		size := 1<<steps - 1
		for _, used := range []int{0, 1, size, size / 2} {
			used = min(used, size)
			keys := make([]uint64, 1+4*size) // Four searches' keys, one after the other, behind the first.
			at, lanes := [4]int32{}, [4][]uint64{}
			for lane := range lanes {
				at[lane] = int32(1 + lane*size)
				lanes[lane] = keys[at[lane]:][:size]
				for i := range lanes[lane] {
					lanes[lane][i] = math.MaxUint64
					if i < used {
						lanes[lane][i] = d.Uint64N(1000) * (math.MaxUint64 / 1000)
					}
				}
				slices.Sort(lanes[lane])
			}
			for n := range 14 {
				lane := n % 4
				x, got := make([]uint64, n), make([]uint16, n)
				for i := range x {
					x[i] = one(d, d.Uint64(), 0, math.MaxUint64)
					if used > 0 && chance(d, 0.7) {
						x[i] = lanes[lane][d.IntN(used)] + one[uint64](d, 0, 1, math.MaxUint64) // Beside a key, or the same.
					}
				}
				ranks := func(what string, lane int, x uint64, got int) {
					t.Helper()
					want := sort.Search(size, func(i int) bool { return lanes[lane][i] >= x })
					if got != want {
						t.Fatalf("%s: rank %d in lane %d of %d of %d keys, want %d", what, got, lane, used, size, want)
					}
				}
				searchColumn(got, x, keys, steps, at[lane])
				for i, key := range x {
					ranks("searchColumn", lane, key, int(got[i]))
					ranks("searchOne", lane, key, int(searchOne(keys, steps, at[lane], key)))
				}
				if n < 4 {
					continue
				}
				four := [4]uint64(x)
				for lane, got := range search(keys, steps, &at, &four) {
					ranks("search", lane, four[lane], int(got))
				}
			}
		}
	}
}

// TestKeys holds that keys are in the order of the numbers, and equal only where those are.
func TestKeys(t *testing.T) {
	for _, a := range edges {
		for _, b := range edges {
			if (key(a) < key(b)) != (a < b) || (key(a) == key(b)) != (a == b) {
				t.Errorf("key(%v) = %x, key(%v) = %x", a, key(a), b, key(b))
			}
		}
		if key(a) == math.MaxUint64 {
			t.Errorf("key(%v) is the padding", a)
		}
	}
}

func TestConjunction(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	table := make([]uint64, 500)
	for i := range table {
		table[i] = d.Uint64() | d.Uint64() | d.Uint64()
	}
	for lines := 1; lines <= maskInputs; lines++ {
		for _, words := range []int{1, 2, 7, maskStretch} {
			at := make([]int, lines)
			for i := range at {
				at[i] = d.IntN(len(table) - words + 1)
			}
			got, before := make([]uint64, words), slices.Clone(at)
			for i := range got {
				got[i] = d.Uint64() // What a stretch before left there.
			}
			conjunction(got, table, at)
			for i, word := range got {
				want := uint64(math.MaxUint64)
				for _, line := range at {
					want &= table[line+i]
				}
				if word != want {
					t.Fatalf("%d lines: word %d of %d is %x, want %x", lines, i, words, word, want)
				}
			}
			if !slices.Equal(at, before) {
				t.Fatalf("%d lines: the places were changed", lines)
			}
		}
	}
}

// TestAddConjunction has leaves that only add up to the right bits one after the other.
func TestAddConjunction(t *testing.T) {
	testAddConjunction[float64](t)
	testAddConjunction[float32](t)
}

func testAddConjunction[F float32 | float64](t *testing.T) {
	t.Helper()
	d := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 9} {
		values := make([]F, 64*n)
		for i := range values {
			values[i] = F(d.NormFloat64() * one(d, 1, 1e8, 1e-8))
		}
		lines := [conjuncts][]uint64{}
		for i := range lines {
			lines[i] = make([]uint64, n)
		}
		sum := F(d.NormFloat64())
		want := sum
		for i := range n {
			for half := range 2 {
				// Every line rules out leaves below the one that counts, together all of them; above it, more are left.
				leaf := d.IntN(32)
				below := uint32(1)<<leaf - 1
				for line := range lines {
					word := d.Uint32() | 1<<leaf
					if line == conjuncts-1 {
						word &^= below
					}
					lines[line][i] |= uint64(word) << (32 * half)
				}
				want += values[64*i+32*half+leaf]
			}
		}
		d.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		if got := addConjunction(sum, &lines, values); got != want {
			t.Errorf("%T: %d words add up to %v, want %v", sum, n, got, want)
		}
	}
}

func TestRowsAbove(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 2, 3, 63, 64, 65, 300} {
		ranks, sets := [blockRows]uint16{}, make([]uint64, size)
		for r := range ranks {
			ranks[r] = uint16(d.IntN(size))
		}
		for i := range sets {
			sets[i] = d.Uint64() // What a block before left there.
		}
		rowsAbove(sets, &ranks)
		for k, set := range sets {
			for r, rank := range ranks {
				if set>>r&1 != 0 != (int(rank) > k) {
					t.Fatalf("size %d: rank %d of row %d, above %d is %v", size, rank, r, k, set>>r&1 != 0)
				}
			}
		}
	}
}

func TestRowsIn(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	set, codes := make([]uint64, 5), [blockRows]uint16{}
	for i := range set {
		set[i] = d.Uint64()
	}
	for r := range codes {
		codes[r] = uint16(d.IntN(len(set) * 64))
	}
	rows := rowsIn(set, &codes)
	for r, code := range codes {
		if rows>>r&1 != set[code/64]>>(code%64)&1 {
			t.Errorf("row %d with code %d", r, code)
		}
	}
}

// TestTranspose holds that it is a transposition, bit by bit.
func TestTranspose(t *testing.T) {
	for k := range 8 {
		for r := range 64 {
			w, want := [8]uint64{}, [8]uint64{}
			w[k] = 1 << r
			want[r/8] = 1 << (r%8*8 + k)
			if transpose(&w); w != want {
				t.Fatalf("bit %d of word %d became %x, want %x", r, k, w, want)
			}
		}
	}
}

// TestLeafNumbers gives every row a leaf, in trees of any size that row sets take.
func TestLeafNumbers(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	for leaves := 1; leaves <= setLeaves; leaves++ {
		sets, want, got := make([]uint64, leaves), [blockRows]uint16{}, [blockRows]uint16{}
		for r := range want {
			want[r] = uint16(one(d, d.IntN(leaves), leaves-1, 0))
			got[r] = math.MaxUint16
			sets[want[r]] |= 1 << r
		}
		leafNumbers(&got, sets)
		if got != want {
			t.Fatalf("%d leaves: %v, want %v", leaves, got, want)
		}
	}
}

func TestAddLeaves(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	for _, stride := range []int{1, 2, 5} {
		for _, n := range []int{1, 3, blockRows} {
			values, leaf := []float64{0.1, 1e9, -3}, make([]uint16, n)
			got, want := make([]float64, n*stride), make([]float64, n*stride)
			got32, want32 := make([]float64, n*stride), make([]float64, n*stride)
			for r := range leaf {
				leaf[r] = uint16(d.IntN(len(values)))
				want[r*stride] += values[leaf[r]]
				want32[r*stride] = float64(float32(0.2) + float32(values[leaf[r]]))
				got32[r*stride] = float64(float32(0.2))
			}
			addLeaves(got, stride, leaf, values)
			for i, v := range values {
				values[i] = float64(float32(v))
			}
			addLeaves32(got32, stride, leaf, values)
			if !slices.Equal(got, want) || !slices.Equal(got32, want32) {
				t.Errorf("stride %d: %v and %v, want %v and %v", stride, got, got32, want, want32)
			}
		}
	}
}
