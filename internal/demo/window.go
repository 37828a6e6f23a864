package demo

import "slices"

// hourMillis is the length of the feature window.
const hourMillis = 3_600_000

// purchase is what the feature windows remember of an event.
type purchase struct {
	at       int64 // Milliseconds of event time.
	cents    int64
	card     int32
	merchant int32
}

// windows keeps each card's purchases of the last hour and the feature rows computed from them. Rows change only in
// refresh: the store shows what the last micro-batch wrote, not what happened since.
type windows struct {
	recent []purchases // By card.
	order  purchases   // All cards together: what leaves the hour next is at its head.
	rows   []Row       // By card, as the store shows them.

	touched   []int32 // Cards whose window changed since the last refresh.
	isTouched []bool
	changed   []int32 // Cards whose row changed since the rows were last taken.
	isChanged []bool

	seen  []uint32 // By merchant: the stamp of the count that met it last.
	stamp uint32
}

func newWindows(cards, merchants int) *windows {
	return &windows{
		recent:    make([]purchases, cards),
		rows:      make([]Row, cards),
		isTouched: make([]bool, cards),
		isChanged: make([]bool, cards),
		seen:      make([]uint32, merchants),
	}
}

// add records a purchase; times must not decrease.
func (w *windows) add(p purchase) {
	w.recent[p.card].push(p)
	w.order.push(p)
	w.touch(p.card)
}

// refresh brings the rows to the window [at − 1 h, at). Every purchase added so far lies before at.
func (w *windows) refresh(at int64) {
	for w.order.len() > 0 && w.order.front().at < at-hourMillis {
		card := w.order.pop().card
		w.recent[card].pop()
		w.touch(card)
	}
	for _, card := range w.touched {
		w.isTouched[card] = false
		row := w.row(card)
		if row == w.rows[card] {
			continue
		}
		w.rows[card] = row
		if !w.isChanged[card] {
			w.isChanged[card] = true
			w.changed = append(w.changed, card)
		}
	}
	w.touched = w.touched[:0]
}

// take returns the cards whose rows changed since the last call, in the order of their first change.
func (w *windows) take() []int32 {
	cards := w.changed
	w.changed = nil
	for _, card := range cards {
		w.isChanged[card] = false
	}
	return cards
}

func (w *windows) touch(card int32) {
	if !w.isTouched[card] {
		w.isTouched[card] = true
		w.touched = append(w.touched, card)
	}
}

// row computes a card's features from its window: the mean amount is rounded to cents, half up.
func (w *windows) row(card int32) Row {
	window := w.recent[card].all()
	row := Row{Known: true, TxCount1h: len(window)}
	if len(window) == 0 {
		return row
	}
	w.stamp++
	var sum int64
	for _, p := range window {
		sum += p.cents
		if w.seen[p.merchant] != w.stamp {
			w.seen[p.merchant] = w.stamp
			row.UniqueMerchants1h++
		}
	}
	n := int64(len(window))
	row.AvgAmount1h = float64((2*sum+n)/(2*n)) / 100
	return row
}

// purchases is a queue in one slice; its head moves and the slice is packed when half of it is spent.
type purchases struct {
	items []purchase
	head  int
}

func (q *purchases) len() int        { return len(q.items) - q.head }
func (q *purchases) front() purchase { return q.items[q.head] }
func (q *purchases) all() []purchase { return q.items[q.head:] }
func (q *purchases) push(p purchase) { q.items = append(q.items, p) }
func (q *purchases) pop() (p purchase) {
	p = q.items[q.head]
	q.head++
	if q.head*2 >= len(q.items) {
		q.items = slices.Delete(q.items, 0, q.head)
		q.head = 0
	}
	return p
}
