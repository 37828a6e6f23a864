package scoring

import (
	"math"
	"sync"
)

// Rank nodes, for single rows and trees of any size. A row is binned first (columns.go), so that a node
// compares two small integers, fits in 8 bytes and needs no branch for what is missing. The row walks
// through eight trees at a time: while one waits for memory, the others go on.

// ranks is the engine of rank nodes.
type ranks struct {
	forest  *forest
	columns *columns
	roots   []uint32
	nodes   []rankNode
	leaf    []int32   // For each node that is a leaf, its number in its tree.
	values  []float64 // For each node that is a leaf, what it is worth; of scalar forests only.
	sets    *rankSets // Nil without categories.
	pool    sync.Pool // Of *rankScratch.
}

// rankNode is a node: from the low bits, 16 of its column, 16 of its rank, 32 of its left child, behind
// which the right one stands. A row goes right when its rank in the column is above the node's. A leaf
// is a node that no rank exceeds, and its own left child: who walks past it stays.
type rankNode uint64

// topRank is a rank that no value exceeds.
const topRank = math.MaxUint16

func newRankNode(column int32, rank uint16, left uint32) rankNode {
	return rankNode(column) | rankNode(rank)<<16 | rankNode(left)<<32
}

// step is where a row with a rank goes.
func (n rankNode) step(rank uint16) uint32 {
	return uint32(n>>32) + uint32(int32(uint16(n>>16))-int32(rank))>>31
}

// rankSets hold what categorical nodes decide by. Such a node has topRank, and adds a bit to its step.
type rankSets struct {
	at   []uint32 // For each node where in bits its set begins; 0, where no bit is set, for all others.
	bits []uint64 // Bit i of a set is set where code i goes right.
}

// rankScratch is what a row needs on its way.
type rankScratch struct {
	codes []uint16
	ends  []uint32 // Where the row ended, tree after tree; whole groups of eight.
}

// newRanks builds the engine; nil where the forest does not fit it.
func newRanks(f *forest, c *columns) *ranks {
	e := &ranks{forest: f, columns: c}
	total := 0
	for i := range f.trees {
		total += 2*len(f.trees[i].nodes) + 1
	}
	if total > math.MaxInt32 {
		return nil
	}
	e.nodes, e.leaf = make([]rankNode, total), make([]int32, total)
	if f.scalar() {
		e.values = make([]float64, total)
	}
	if len(c.books) > 0 {
		e.sets = &rankSets{at: make([]uint32, total), bits: make([]uint64, (topRank+1)/64)}
	}
	next, most := uint32(0), (topRank+1)/64+f.setWords()
	for i := range f.trees {
		e.roots = append(e.roots, next)
		if next = e.tree(&f.trees[i], next, most); e.sets != nil && len(e.sets.bits) > most {
			return nil
		}
	}
	e.pool.New = func() any {
		return &rankScratch{
			codes: make([]uint16, max(1, len(c.columns))),
			ends:  make([]uint32, (len(e.roots)+7)&^7),
		}
	}
	return e
}

// tree lays out a tree from place next on, and returns the place behind it. It does without categories once
// the sets take more than so many words.
func (e *ranks) tree(t *tree, next uint32, most int) uint32 {
	type branch struct {
		child int32
		place uint32
	}
	root := branch{child: t.root(), place: next}
	next++
	for pending := []branch{root}; len(pending) > 0; {
		at := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if at.child < 0 {
			e.nodes[at.place] = newRankNode(0, topRank, at.place)
			e.leaf[at.place] = ^at.child
			if e.values != nil {
				e.values[at.place] = t.leaves[^at.child]
			}
			continue
		}
		n := &t.nodes[at.child]
		if n.categorical {
			if len(e.sets.bits) <= most {
				e.category(t, n, at.place, next)
			}
		} else {
			column, rank := e.columns.numeric(n)
			e.nodes[at.place] = newRankNode(column, rank, next)
		}
		pending = append(pending, branch{n.right, next + 1}, branch{n.left, next})
		next += 2
	}
	return next
}

func (e *ranks) category(t *tree, n *node, place, left uint32) {
	column, right := e.columns.category(t, n)
	e.nodes[place] = newRankNode(column, topRank, left)
	e.sets.at[place] = uint32(len(e.sets.bits))
	e.sets.bits = append(e.sets.bits, right...)
}

func (e *ranks) layout() string { return "ranks" }

func (e *ranks) margins(dst, rows []float64) error {
	in, out := len(e.forest.features), e.forest.outputs
	s := e.pool.Get().(*rankScratch)
	for ; len(rows) > 0; rows, dst = rows[in:], dst[out:] {
		row, margins := rows[:in], dst[:out:out]
		e.walk(s, row)
		e.forest.begin(margins)
		switch {
		case e.values == nil:
			for i := range e.roots {
				e.forest.add(margins, &e.forest.trees[i], e.leaf[s.ends[i]], row)
			}
		case out == 1 && e.forest.rules == lightgbmRules:
			margins[0] = addEnds(margins[0], s.ends[:len(e.roots)], e.values)
		default:
			for i := range e.roots {
				k := e.forest.trees[i].output
				margins[k] = e.forest.rules.add(margins[k], e.values[s.ends[i]])
			}
		}
	}
	e.pool.Put(s)
	return nil
}

// walk finds where a row ends in every tree.
func (e *ranks) walk(s *rankScratch, row []float64) {
	e.columns.row(s.codes, row)
	copy(s.ends, e.roots)
	for i := 0; i < len(e.roots); i += 8 {
		trees := (*[8]uint32)(s.ends[i:])
		if e.sets == nil {
			walkTrees(e.nodes, s.codes, trees)
		} else {
			walkMixed(e.nodes, e.sets, s.codes, trees)
		}
	}
}

func (e *ranks) exits(dst []int32, row []float64) error {
	s := e.pool.Get().(*rankScratch)
	e.walk(s, row)
	for i := range e.roots {
		dst[i] = e.leaf[s.ends[i]]
	}
	e.pool.Put(s)
	return nil
}
