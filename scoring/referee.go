package scoring

import (
	"errors"
	"fmt"
	"math"
)

// The referee: before a model serves, its engine must agree with two others on rows that probe it where
// errors hide (probes.go). github.com/dmitryikh/leaves, which shares no code with us, must find the same
// exit leaf in every tree; the naive evaluator must find the same leaves and, for every layout, the same
// margins, to the bit; and scores must follow from the margins by the textbook's formulas. A model on which they differ is
// refused. leaves is asked for leaves alone, never for sums or scores, where it departs from the
// libraries. What is compared is bounded: probeRows rows, and fewer where trees are many and deep.

// refereed is the verdict when leaves took part.
const refereed = "leaves"

// newEngine makes the engine of a forest and has it refereed. The verdict is refereed, or "unrefereed: "
// and why leaves could not judge.
func newEngine(f *forest, name string) (e engine, verdict string, err error) {
	defer caught(&err)
	b := newBins(f)
	second, err := newLeavesEngine(f, b)
	switch {
	case err == nil:
		verdict = refereed
	case errors.Is(err, errBeyondLeaves) && name != EngineLeaves:
		verdict = "unrefereed: " + err.Error()
	case errors.Is(err, errBeyondLeaves):
		return nil, "", fmt.Errorf("%w: use the engine %s", err, EngineCompiled)
	default:
		return nil, "", err
	}
	switch name {
	case EngineCompiled:
		e = newCompiled(f, b)
	case EngineLeaves:
		e = second
	case EngineNaive:
		e = naiveEngine{forest: f}
	}
	r := &refereeing{forest: f, bins: b, engines: layouts(e), leaves: second}
	if err := r.compare(); err != nil {
		return nil, "", fmt.Errorf("the referee refuses the model: %w", err)
	}
	if verdict == refereed && !f.scalar() {
		// leaves found the same leaves, but what they are worth is beyond it.
		verdict = "unrefereed: the trees' leaves are no plain numbers; leaves agrees on which leaves rows end in"
	}
	return e, verdict, nil
}

// caught makes an error of a panic: an evaluator that breaks has not agreed.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("an evaluator panicked over the model: %v", p)
	}
}

// layouts are the engines that an engine is made of.
func layouts(e engine) []engine {
	if c, ok := e.(*compiled); ok {
		return []engine{c.few, c.many}
	}
	return []engine{e}
}

// refereeing is one comparison.
type refereeing struct {
	forest  *forest
	bins    *bins
	engines []engine
	leaves  *leavesEngine // Nil where leaves cannot judge.
	found   [3][]int32    // Exit leaves: the naive evaluator's, leaves', an engine's.
	scores  [2][]float64
	cost    int // The naive evaluator's.
}

// compare compares block after block of probes until they, or what they may cost, are used up.
func (r *refereeing) compare() (err error) {
	defer caught(&err)
	f := r.forest
	for i := range r.found {
		r.found[i] = make([]int32, len(f.trees))
	}
	p := newProbes(f, r.bins)
	in, out := len(f.features), f.outputs
	n := min(blockRows, max(1, probeValues/max(in, out)))
	rows, naive, got := make([]float64, n*in), make([]float64, n*out), make([]float64, n*out)
	for done := 0; done < probeRows && r.cost < probeCost; done += n {
		for i := range n {
			row := rows[i*in : (i+1)*in]
			r.cost += out + p.row(row, done+i)
			r.cost += f.margins(naive[i*out:(i+1)*out], r.found[0], row)
			if err := r.exits(row); err != nil {
				return err
			}
			if r.cost >= probeCost {
				n = i + 1
				break
			}
		}
		if err := r.margins(got[:n*out], naive[:n*out], rows[:n*in]); err != nil {
			return err
		}
		if err := f.link.agrees(naive[:n*out], out, &r.scores); err != nil {
			return err
		}
	}
	return nil
}

// exits compares the leaves in which a row ends with those that the naive evaluator found.
func (r *refereeing) exits(row []float64) error {
	naive, leaves, got := r.found[0], r.found[1], r.found[2]
	if r.leaves != nil {
		if err := r.leaves.exits(leaves, row); err != nil {
			return err
		}
		if err := sameLeaves(leaves, naive, "leaves"); err != nil {
			return err
		}
	}
	// A layout for blocks works a whole one out for a row: its leaves are compared by what they are worth.
	e := r.engines[0]
	if err := e.exits(got, row); err != nil {
		return err
	}
	return sameLeaves(got, naive, e.layout())
}

func sameLeaves(got, want []int32, who string) error {
	for i, leaf := range want {
		if got[i] != leaf {
			return fmt.Errorf("in tree %d a row ends in leaf %d, by %s in leaf %d", i, leaf, who, got[i])
		}
	}
	return nil
}

// margins compares the engines' margins of rows, together and of the first one alone, with the naive
// evaluator's. got is scratch.
func (r *refereeing) margins(got, naive, rows []float64) error {
	in, out := len(r.forest.features), r.forest.outputs
	for _, e := range r.engines {
		if err := sameMargins(e, got, naive, rows); err != nil {
			return err
		}
		if err := sameMargins(e, got[:out], naive[:out], rows[:in]); err != nil {
			return err
		}
	}
	return nil
}

func sameMargins(e engine, got, want, rows []float64) error {
	if err := e.margins(got, rows); err != nil {
		return err
	}
	for i, w := range want {
		if math.Float64bits(got[i]) != math.Float64bits(w) && !(math.IsNaN(got[i]) && math.IsNaN(w)) {
			return fmt.Errorf("a row's margin is %v, by %s %v", w, e.layout(), got[i])
		}
	}
	return nil
}
