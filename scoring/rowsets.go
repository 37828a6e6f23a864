package scoring

import "sync"

// Row sets, for blocks of rows. Instead of asking for each row where it goes, they ask for each node which
// rows come to it: of 64 rows a word, one bit a row. For every cut of every column the rows above it are
// worked out once a block; from then on a node costs a conjunction each way, for 64 rows at a time, and
// nothing depends on the data. In the end every leaf has its set of rows; turned around, every row has its
// leaf (leafNumbers).

// rowSets is the engine of row sets.
type rowSets struct {
	forest  *forest
	scalar  bool // Whether the forest is.
	columns *columns
	first   []uint32 // For each column, the place of its first set among a block's.
	cats    []categorySet
	total   int // Sets a block has.
	trees   []setTree
	nodes   []setNode
	values  []float64 // Tree after tree what its leaves are worth; of scalar forests only.
	most    int       // Slots that the largest tree needs.
	pool    sync.Pool // Of *setScratch.
}

// setTree is one tree: its nodes in an order in which every node follows its parent.
type setTree struct {
	nodes  uint32 // Its first; they end where the next tree's begin.
	values uint32 // Its first value.
	leaves int32
	output int32
}

// setNode sends the rows of its own slot on: those in a block's set to the right slot, the others to the
// left one. The leaves have the slots 0, 1, …; the nodes those behind them, in their order.
type setNode struct {
	set         uint32
	left, right uint16
}

// categorySet is a set of codes that go right at some categorical node.
type categorySet struct {
	column int32
	right  []uint64
}

const (
	// setLeaves is how many leaves a tree may have: beyond, walking is cheaper than visiting all nodes.
	setLeaves = 1 << 10
	// setTotal bounds a block's sets: 4 MiB.
	setTotal = 1 << 19
)

// setScratch is what a block needs for itself.
type setScratch struct {
	block *block
	sets  []uint64
	slots []uint64
	leaf  [blockRows]uint16
}

// newRowSets builds the engine; nil where the forest does not fit it.
func newRowSets(f *forest, c *columns) *rowSets {
	e := &rowSets{forest: f, scalar: f.scalar(), columns: c}
	for _, column := range c.columns {
		e.first = append(e.first, uint32(e.total))
		if column.cut >= 0 {
			e.total += int(column.size)
		}
	}
	words := f.setWords()
	for i := range f.trees {
		t := &f.trees[i]
		if t.leafCount() > setLeaves || !e.tree(t, &words) || e.total > setTotal {
			return nil
		}
	}
	e.trees = append(e.trees, setTree{nodes: uint32(len(e.nodes))})
	e.pool.New = func() any {
		return &setScratch{block: c.newBlock(), sets: make([]uint64, e.total), slots: make([]uint64, e.most)}
	}
	return e
}

// tree lays out a tree; false where its category sets take more than the words that are left.
func (e *rowSets) tree(t *tree, words *int) bool {
	leaves := t.leafCount()
	e.most = max(e.most, leaves+len(t.nodes))
	e.trees = append(e.trees, setTree{
		nodes: uint32(len(e.nodes)), values: uint32(len(e.values)), leaves: int32(leaves), output: t.output,
	})
	if e.scalar {
		e.values = append(e.values, t.leaves...)
	}
	// Slots of nodes are given as their parents are laid out, so that parents come first.
	order := []int32{}
	if root := t.root(); root >= 0 {
		order = append(order, root)
	}
	slot := func(child int32) uint16 {
		if child < 0 {
			return uint16(^child)
		}
		order = append(order, child)
		return uint16(leaves + len(order) - 1)
	}
	for i := 0; i < len(order); i++ {
		n := &t.nodes[order[i]]
		set, ok := e.set(t, n, words)
		if !ok {
			return false
		}
		e.nodes = append(e.nodes, setNode{set: set, left: slot(n.left), right: slot(n.right)})
	}
	return true
}

// set is the place of a node's set among a block's; ok is false where it takes more than the words left.
func (e *rowSets) set(t *tree, n *node, words *int) (place uint32, ok bool) {
	if !n.categorical {
		column, rank := e.columns.numeric(n)
		return e.first[column] + uint32(rank), true
	}
	column, right := e.columns.category(t, n)
	*words -= len(right)
	e.cats = append(e.cats, categorySet{column, right})
	e.total++
	return uint32(e.total - 1), *words >= 0
}

func (e *rowSets) layout() string { return "row sets" }

func (e *rowSets) margins(dst, rows []float64) error {
	in, out := len(e.forest.features), e.forest.outputs
	s := e.pool.Get().(*setScratch)
	for len(rows) > 0 {
		n := min(len(rows)/in, blockRows)
		e.evaluate(s, dst[:n*out], rows[:n*in])
		rows, dst = rows[n*in:], dst[n*out:]
	}
	e.pool.Put(s)
	return nil
}

// evaluate evaluates up to blockRows rows.
func (e *rowSets) evaluate(s *setScratch, dst, rows []float64) {
	in, out := len(e.forest.features), e.forest.outputs
	n := len(rows) / in
	e.prepare(s, rows)
	for r := range n {
		e.forest.begin(dst[r*out : (r+1)*out])
	}
	for i := range e.forest.trees {
		e.find(s, i)
		t := &e.trees[i]
		switch {
		case !e.scalar:
			for r := range n {
				e.forest.add(dst[r*out:(r+1)*out], &e.forest.trees[i], int32(s.leaf[r]), rows[r*in:(r+1)*in])
			}
		case e.forest.rules == lightgbmRules:
			addLeaves(dst[t.output:], out, s.leaf[:n], e.values[t.values:][:t.leaves])
		default:
			addLeaves32(dst[t.output:], out, s.leaf[:n], e.values[t.values:][:t.leaves])
		}
	}
}

// prepare works out a block's sets.
func (e *rowSets) prepare(s *setScratch, rows []float64) {
	c := e.columns
	s.block.fill(c, rows, len(e.forest.features))
	for i, column := range c.columns {
		if column.cut >= 0 {
			rowsAbove(s.sets[e.first[i]:][:column.size], s.block.column(int32(i)))
		}
	}
	at := e.total - len(e.cats)
	for i := range e.cats {
		s.sets[at+i] = rowsIn(e.cats[i].right, s.block.column(e.cats[i].column))
	}
}

// find works out in which leaf of a tree each row of the block ends.
func (e *rowSets) find(s *setScratch, tree int) {
	t := &e.trees[tree]
	nodes := e.nodes[t.nodes:e.trees[tree+1].nodes]
	slots := s.slots[:int(t.leaves)+len(nodes)]
	if len(nodes) > 0 {
		slots[t.leaves] = ^uint64(0)
		sendSets(slots, int(t.leaves), nodes, s.sets)
	}
	leafNumbers(&s.leaf, slots[:t.leaves])
}

func (e *rowSets) exits(dst []int32, row []float64) error {
	s := e.pool.Get().(*setScratch)
	e.prepare(s, row)
	for i := range e.forest.trees {
		e.find(s, i)
		dst[i] = int32(s.leaf[0])
	}
	e.pool.Put(s)
	return nil
}
