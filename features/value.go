package features

// kind is the kind of a JSON value.
type kind uint8

const (
	isNull kind = iota
	isFalse
	isTrue
	isNumber
	isString
	isNested // An object or an array.
)

func (k kind) String() string {
	switch k {
	case isNull:
		return "null"
	case isFalse, isTrue:
		return "a boolean"
	case isNumber:
		return "a number"
	case isString:
		return "a string"
	}
	return "an object or array"
}

// value is one JSON value as the scanner has read it.
type value struct {
	kind    kind
	escaped bool   // For a string: text holds escapes.
	text    []byte // For a string: what is between the quotes.
	number  number
}

// value reads the value of a top-level field into v, which must be zero, from
// its first byte.
func (s *scanner) value(v *value) (ok bool) {
	switch s.peek() {
	case '"':
		v.kind = isString
		v.text, v.escaped, ok = s.str()
	case 't':
		v.kind = isTrue
		ok = s.literal("true")
	case 'f':
		v.kind = isFalse
		ok = s.literal("false")
	case 'n':
		v.kind = isNull
		ok = s.literal("null")
	case '{', '[':
		v.kind = isNested
		ok = s.skip(1)
	default:
		v.kind = isNumber
		ok = s.number(&v.number)
	}
	return ok
}

// plain is a string's text without escapes.
func (s *scanner) plain(v *value) []byte {
	if v.escaped {
		return s.unescape(v.text)
	}
	return v.text
}

// read turns a value that is not null into the column's number. The class is
// empty, or what is wrong with the value: ClassWrongType, ClassOutOfRange, or
// ClassUnknownCategory where the column has no default.
func (c *column) read(s *scanner, v *value) (x float64, status Status, class string) {
	switch {
	case c.kind == Number && v.kind == isNumber:
		x, ok := v.number.float()
		if !ok {
			return 0, 0, ClassOutOfRange
		}
		return x, Present, ""
	case c.kind == Boolean && v.kind == isTrue:
		return 1, Present, ""
	case c.kind == Boolean && v.kind == isFalse:
		return 0, Present, ""
	case c.kind == Category && v.kind == isString:
		return c.code(s.plain(v))
	}
	return 0, 0, ClassWrongType
}

// code is the number of a category's string.
func (c *column) code(text []byte) (x float64, status Status, class string) {
	if code, ok := c.codes[string(text)]; ok {
		return code, Present, ""
	}
	if c.required {
		return 0, 0, ClassUnknownCategory
	}
	return c.fallback, c.absent(), ""
}

// wants is the reason that goes with a class from read.
func (c *column) wants(class string, got kind) string {
	switch class {
	case ClassOutOfRange:
		return "a number beyond float64"
	case ClassUnknownCategory:
		return "a string without a code in the contract, which gives no default"
	}
	return "want a " + string(c.kind) + ", got " + got.String()
}
