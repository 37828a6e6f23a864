package features

import "hash/maphash"

// table finds the position of a wanted field name by the hash of the name,
// which duplicate detection needs anyway. The seed is the process's own, so
// that nobody can send names that collide.
type table struct {
	names []string
	seed  maphash.Seed
	mask  uint64
	index []int32 // By hash & mask, probed linearly; -1 = free.
}

// add returns the name's position, appending the name if it is new.
func (t *table) add(name string) int {
	for i, known := range t.names {
		if known == name {
			return i
		}
	}
	t.names = append(t.names, name)
	return len(t.names) - 1
}

// compile builds the index; the table is read-only afterwards.
func (t *table) compile() {
	t.seed = maphash.MakeSeed()
	size := 8
	for size < 4*len(t.names) {
		size *= 2
	}
	t.mask = uint64(size - 1)
	t.index = make([]int32, size)
	for i := range t.index {
		t.index[i] = -1
	}
	for i, name := range t.names {
		slot := maphash.String(t.seed, name) & t.mask
		for t.index[slot] >= 0 {
			slot = (slot + 1) & t.mask
		}
		t.index[slot] = int32(i)
	}
}

func (t *table) hash(name []byte) uint64 { return maphash.Bytes(t.seed, name) }

// find returns the position of name, or -1 for a name that is not wanted.
func (t *table) find(hash uint64, name []byte) int {
	for slot := hash & t.mask; ; slot = (slot + 1) & t.mask {
		i := t.index[slot]
		if i < 0 {
			return -1
		}
		if t.names[i] == string(name) {
			return int(i)
		}
	}
}
