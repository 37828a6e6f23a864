package features

// cell is one stored feature's value for one entity, with where it is from.
type cell struct {
	value  float64
	status Status
}

// storedRow is what the store said about one entity under one contract: a cell
// for each of Contract.stored. It is not changed once decoded.
type storedRow struct {
	cells    []cell
	degraded bool // Some cell is Defaulted: the row was there, but not usable.
}

// newRow is a row of defaults, all with one status; absent stands for Absent or
// Missing, as the default has it.
func (c *Contract) newRow(status Status) storedRow {
	row := storedRow{cells: make([]cell, len(c.stored))}
	for j, i := range c.stored {
		row.cells[j] = cell{c.columns[i].fallback, status}
		if status == Absent {
			row.cells[j].status = c.columns[i].absent()
		}
	}
	return row
}

// absentRow is the row of an entity that the store does not know.
func (c *Contract) absentRow() storedRow { return c.newRow(Absent) }

// unusableRow is the row that stands for one in a form we cannot read.
func (c *Contract) unusableRow() storedRow {
	row := c.newRow(Defaulted)
	row.degraded = true
	return row
}

// decodeObject reads a row stored as one JSON object. It is as strict as Decode
// about JSON, and passes over fields the contract does not name. A broken object
// is unusable whole, a value of the wrong type by itself. The problem says what
// was unusable, or is empty.
func (c *Contract) decodeObject(s *scanner, text []byte) (row storedRow, problem string) {
	if !s.open(text) {
		return c.unusableRow(), s.reason
	}
	row = c.absentRow()
	for {
		i, ok := s.field(&c.store)
		if !ok {
			break
		}
		if i < 0 {
			ok = s.skip(1)
		} else {
			var v value
			if ok = s.value(&v); ok && v.kind != isNull {
				for _, j := range c.slots[i] {
					problem = c.fill(&row, s, j, &v, problem)
				}
			}
		}
		if !ok {
			break
		}
	}
	if s.class != "" {
		return c.unusableRow(), s.reason
	}
	return row, problem
}

// fill sets one cell, and returns what is wrong with the value, or else the
// problem so far.
func (c *Contract) fill(row *storedRow, s *scanner, j int, v *value, problem string) string {
	col := &c.columns[c.stored[j]]
	x, status, class := col.read(s, v)
	if class != "" {
		x, status = col.fallback, Defaulted
		row.degraded = true
		problem = "feature " + c.features[c.stored[j]].Name + ": " + col.wants(class, v.kind)
	}
	row.cells[j] = cell{x, status}
	return problem
}

// decodeHash reads a row stored as a hash: for each of the contract's stored
// fields its text, or nil where the hash lacks it. In a hash everything is text: a
// number is written as in JSON, a boolean true, false, 1 or 0, a category as it is.
func (c *Contract) decodeHash(s *scanner, texts [][]byte) (row storedRow, problem string) {
	row = c.absentRow()
	for i, text := range texts {
		if text == nil {
			continue
		}
		for _, j := range c.slots[i] {
			v := hashValue(s, c.columns[c.stored[j]].kind, text)
			problem = c.fill(&row, s, j, &v, problem)
		}
	}
	return row, problem
}

// hashValue reads a hash's text as the type it is wanted for. A text that is no
// such value is a string, which only a category takes.
func hashValue(s *scanner, want Type, text []byte) value {
	switch {
	case want == Boolean && (string(text) == "true" || string(text) == "1"):
		return value{kind: isTrue}
	case want == Boolean && (string(text) == "false" || string(text) == "0"):
		return value{kind: isFalse}
	case want == Number:
		s.data, s.pos = text, 0
		v := value{kind: isNumber}
		if s.number(&v.number) && s.pos == len(text) {
			return v
		}
	}
	return value{kind: isString, text: text}
}

// put copies the cells into an event's row. A stale copy's values are Stale,
// but for those that were unusable from the start.
func (c *Contract) put(cells []cell, stale bool, row []float64, status []Status) {
	for j, i := range c.stored {
		cell := &cells[j]
		row[i], status[i] = cell.value, cell.status
		if stale && cell.status != Defaulted {
			status[i] = Stale
		}
	}
}
