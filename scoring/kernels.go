package scoring

import (
	"math/bits"
	"slices"
)

// The loops in which scoring spends its time, in plain Go. They take slices and numbers only, so that a
// version in a processor's vector instructions can stand beside each.

// search ranks four keys, each among its own 2^steps - 1 rising ones, which begin at keys[at]: how many lie
// below it. It halves without branches, and the four searches wait for memory together. at is above 0.
func search(keys []uint64, steps int, at *[4]int32, x *[4]uint64) (ranks [4]int32) {
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	// Positions are those before the keys.
	i, j, k, l := uint(at[0])-1, uint(at[1])-1, uint(at[2])-1, uint(at[3])-1
	for half := uint(1) << (steps & 31) >> 1; half > 0; half >>= 1 {
		i = ascend(keys, i, half, x0)
		j = ascend(keys, j, half, x1)
		k = ascend(keys, k, half, x2)
		l = ascend(keys, l, half, x3)
	}
	return [4]int32{int32(i) - at[0] + 1, int32(j) - at[1] + 1, int32(k) - at[2] + 1, int32(l) - at[3] + 1}
}

// searchOne is search for one key.
func searchOne(keys []uint64, steps int, at int32, x uint64) int32 {
	i := uint(at) - 1
	for half := uint(1) << (steps & 31) >> 1; half > 0; half >>= 1 {
		i = ascend(keys, i, half, x)
	}
	return int32(i) - at + 1
}

// ascend is half behind i where the key there is below x, else i. The borrow of a subtraction says so
// without a branch, which nothing could foretell.
func ascend(keys []uint64, i, half uint, x uint64) uint {
	_, below := bits.Sub64(keys[i+half], x, 0)
	return i + half&-uint(below)
}

// searchColumn ranks any number of keys among the same 2^steps - 1, which begin at keys[at], four at a time.
func searchColumn(dst []uint16, x, keys []uint64, steps int, at int32) {
	before := uint(at) - 1
	keys = keys[:before+1<<(steps&31)]
	for len(x) >= 4 {
		x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
		i, j, k, l := before, before, before, before
		for half := uint(1) << (steps & 31) >> 1; half > 0; half >>= 1 {
			i = ascend(keys, i, half, x0)
			j = ascend(keys, j, half, x1)
			k = ascend(keys, k, half, x2)
			l = ascend(keys, l, half, x3)
		}
		dst[0], dst[1], dst[2], dst[3] = uint16(i-before), uint16(j-before), uint16(k-before), uint16(l-before)
		x, dst = x[4:], dst[4:]
	}
	for i := range x {
		dst[i] = uint16(searchOne(keys, steps, at, x[i]))
	}
}

// conjunction writes the conjunction of as many table lines as begin at the given places.
func conjunction(dst, table []uint64, at []int) {
	n := len(dst)
	if len(at)%2 == 0 {
		a, b := table[at[0]:][:n], table[at[1]:][:n]
		for i := range dst {
			dst[i] = a[i] & b[i]
		}
		at = at[2:]
	} else {
		copy(dst, table[at[0]:])
		at = at[1:]
	}
	for ; len(at) >= 4; at = at[4:] {
		a, b, c, d := table[at[0]:][:n], table[at[1]:][:n], table[at[2]:][:n], table[at[3]:][:n]
		for i := range dst {
			dst[i] &= a[i] & b[i] & c[i] & d[i]
		}
	}
	if len(at) == 2 {
		a, b := table[at[0]:][:n], table[at[1]:][:n]
		for i := range dst {
			dst[i] &= a[i] & b[i]
		}
	}
}

// conjuncts is how many lines addConjunction takes.
const conjuncts = 5

// addConjunction adds to sum the leaves that two trees a word have left in the conjunction of the lines, in
// the trees' order; a tree's leaves have 32 places in values. The additions wait for each other, and all
// else is done meanwhile.
func addConjunction[F float32 | float64](sum F, lines *[conjuncts][]uint64, values []F) F {
	a := lines[0]
	b, c, d, e := lines[1][:len(a)], lines[2][:len(a)], lines[3][:len(a)], lines[4][:len(a)]
	for i, w := range a {
		w &= b[i] & c[i] & d[i] & e[i]
		v := (*[64]F)(values)
		sum += v[bits.TrailingZeros32(uint32(w))&31]
		sum += v[32|bits.TrailingZeros32(uint32(w>>32))&31]
		values = values[64:]
	}
	return sum
}

// walkTrees walks one binned row through eight trees, from the nodes in lanes to the leaves.
func walkTrees(nodes []rankNode, codes []uint16, lanes *[8]uint32) {
	a, b, c, d := lanes[0], lanes[1], lanes[2], lanes[3]
	e, f, g, h := lanes[4], lanes[5], lanes[6], lanes[7]
	for {
		na, nb, nc, nd := nodes[a], nodes[b], nodes[c], nodes[d]
		a1 := na.step(codes[na&0xffff])
		b1 := nb.step(codes[nb&0xffff])
		c1 := nc.step(codes[nc&0xffff])
		d1 := nd.step(codes[nd&0xffff])
		moved := (a ^ a1) | (b ^ b1) | (c ^ c1) | (d ^ d1)
		a, b, c, d = a1, b1, c1, d1
		ne, nf, ng, nh := nodes[e], nodes[f], nodes[g], nodes[h]
		e1 := ne.step(codes[ne&0xffff])
		f1 := nf.step(codes[nf&0xffff])
		g1 := ng.step(codes[ng&0xffff])
		h1 := nh.step(codes[nh&0xffff])
		moved |= (e ^ e1) | (f ^ f1) | (g ^ g1) | (h ^ h1)
		e, f, g, h = e1, f1, g1, h1
		if moved == 0 {
			break
		}
	}
	lanes[0], lanes[1], lanes[2], lanes[3] = a, b, c, d
	lanes[4], lanes[5], lanes[6], lanes[7] = e, f, g, h
}

// walkMixed is walkTrees where some nodes are categorical.
func walkMixed(nodes []rankNode, sets *rankSets, codes []uint16, lanes *[8]uint32) {
	for moved := uint32(1); moved != 0; {
		moved = 0
		for i, at := range lanes {
			n := nodes[at]
			code := codes[n&0xffff]
			right := uint32(sets.bits[sets.at[at]+uint32(code/64)] >> (code % 64) & 1)
			next := n.step(code) + right
			moved |= next ^ at
			lanes[i] = next
		}
	}
}

// addEnds adds to sum what the leaves at the places are worth, in their order.
func addEnds(sum float64, ends []uint32, values []float64) float64 {
	for _, at := range ends {
		sum += values[at]
	}
	return sum
}

// rowsAbove writes for each rank the set of rows that rank above it in a column.
func rowsAbove(sets []uint64, ranks *[blockRows]uint16) {
	clear(sets)
	for r, rank := range ranks {
		sets[rank] |= 1 << r
	}
	above := uint64(0)
	for k, rows := range slices.Backward(sets) {
		sets[k] = above
		above |= rows
	}
}

// rowsIn is the set of rows whose code is in a set of codes.
func rowsIn(set []uint64, codes *[blockRows]uint16) (rows uint64) {
	for r, code := range codes {
		rows |= set[code/64] >> (code % 64) & 1 << r
	}
	return rows
}

// sendSets sends rows through the nodes of a tree: the rows in a node's slot, of which the first node's is
// slots[first], to the slots of its children.
func sendSets(slots []uint64, first int, nodes []setNode, sets []uint64) {
	own := slots[first:][:len(nodes)]
	for i, rows := range own {
		n := nodes[i]
		right := rows & sets[n.set]
		slots[n.right] = right
		slots[n.left] = rows ^ right
	}
}

// leafNumbers turns leaves' sets of rows into rows' leaves. Every row is in exactly one set. First the sets
// become planes: plane k holds the rows whose leaf has bit k in its number; on the way the sets are used
// up. Then the planes, a matrix of bits, are transposed.
func leafNumbers(leaf *[blockRows]uint16, sets []uint64) {
	var planes [16]uint64
	leaves := len(sets)
	for k := bits.Len(uint(len(sets)-1)) - 1; k >= 0; k-- {
		upper := sets[1<<k:]
		lower := sets[:len(upper)]
		plane := uint64(0)
		for i, rows := range upper {
			plane |= rows
			lower[i] |= rows
		}
		planes[k&15] = plane
		sets = sets[:1<<k]
	}
	transpose((*[8]uint64)(planes[:8]))
	for i := range leaf {
		leaf[i] = uint16(planes[i/8] >> (i % 8 * 8) & 0xff)
	}
	if leaves <= 1<<8 {
		return
	}
	transpose((*[8]uint64)(planes[8:]))
	for i := range leaf {
		leaf[i] |= uint16(planes[8+i/8]>>(i%8*8)&0xff) << 8
	}
}

// transpose turns 8 words of 64 bits into 64 bytes of 8 bits: bit r of word k becomes bit k of byte r, which
// stands in byte r%8 of word r/8. It swaps ever smaller blocks across the diagonal (Warren, Hacker's
// Delight, 7-3): first of bytes between words, then of bits within them.
func transpose(w *[8]uint64) {
	for i := range 4 {
		a, b := w[i], w[i+4]
		t := (a>>32 ^ b) & 0x00000000ffffffff
		w[i], w[i+4] = a^t<<32, b^t
	}
	for _, i := range [4]int{0, 1, 4, 5} {
		a, b := w[i], w[i+2]
		t := (a>>16 ^ b) & 0x0000ffff0000ffff
		w[i], w[i+2] = a^t<<16, b^t
	}
	for _, i := range [4]int{0, 2, 4, 6} {
		a, b := w[i], w[i+1]
		t := (a>>8 ^ b) & 0x00ff00ff00ff00ff
		w[i], w[i+1] = a^t<<8, b^t
	}
	for i, x := range w {
		t := (x ^ x>>7) & 0x00aa00aa00aa00aa
		x ^= t ^ t<<7
		t = (x ^ x>>14) & 0x0000cccc0000cccc
		x ^= t ^ t<<14
		t = (x ^ x>>28) & 0x00000000f0f0f0f0
		w[i] = x ^ t ^ t<<28
	}
}

// addLeaves adds to each row, stride places apart, what its leaf is worth.
func addLeaves(dst []float64, stride int, leaf []uint16, values []float64) {
	if stride == 1 {
		dst = dst[:len(leaf)]
		for r, l := range leaf {
			dst[r] += values[l]
		}
		return
	}
	for r, l := range leaf {
		dst[r*stride] += values[l]
	}
}

// addLeaves32 is addLeaves in float32.
func addLeaves32(dst []float64, stride int, leaf []uint16, values []float64) {
	for r, l := range leaf {
		dst[r*stride] = float64(float32(dst[r*stride] + values[l]))
	}
}
