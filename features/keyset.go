package features

import "bytes"

const (
	fewKeys  = 24   // Up to here a linear look at the hashes is fastest.
	manyKeys = 4096 // Scratch of an object with more keys is not kept.
)

// keySet holds the names of one object's fields, to find the one that comes
// twice. Names are compared by their bytes; the hashes only lead there. Its
// cost is linear in the number of names: beyond fewKeys the names are
// also in a hash table.
type keySet struct {
	keys  []keyRef
	index []int32 // Positions in keys plus one, by hash, probed linearly; 0 = free.
}

type keyRef struct {
	hash uint64
	name []byte // In the object or in the scanner's scratch.
}

func (k *keySet) len() int { return len(k.keys) }

func (k *keySet) reset() {
	if cap(k.keys) > manyKeys {
		*k = keySet{}
		return
	}
	k.keys = k.keys[:0]
}

// add adds a name and reports whether it was there already.
func (k *keySet) add(hash uint64, name []byte) bool {
	if len(k.keys) < fewKeys {
		for i := range k.keys {
			if k.keys[i].hash == hash && bytes.Equal(k.keys[i].name, name) {
				return true
			}
		}
		k.keys = append(k.keys, keyRef{hash, name})
		return false
	}
	if len(k.keys) == fewKeys || 2*len(k.keys) > len(k.index) {
		k.rehash()
	}
	slot := k.slot(hash, name)
	if k.index[slot] != 0 {
		return true
	}
	k.keys = append(k.keys, keyRef{hash, name})
	k.index[slot] = int32(len(k.keys))
	return false
}

// slot is where the name is, or where it belongs.
func (k *keySet) slot(hash uint64, name []byte) int {
	mask := len(k.index) - 1
	for slot := int(hash) & mask; ; slot = (slot + 1) & mask {
		i := k.index[slot]
		if i == 0 || k.keys[i-1].hash == hash && bytes.Equal(k.keys[i-1].name, name) {
			return slot
		}
	}
}

// rehash enters all names into an index with room for twice as many.
func (k *keySet) rehash() {
	size := 128 // A power of two, as slot wants it.
	for size < 4*len(k.keys) {
		size *= 2
	}
	if size <= cap(k.index) {
		k.index = k.index[:size]
		clear(k.index)
	} else {
		k.index = make([]int32, size)
	}
	for i := range k.keys {
		k.index[k.slot(k.keys[i].hash, k.keys[i].name)] = int32(i + 1)
	}
}
