package features

import (
	"math"
	"strconv"
	"unsafe"
)

// number is a JSON number as the scanner has read it: the text, and the parts
// that give its value without a second look at the text where that is exact.
type number struct {
	raw      []byte
	mantissa uint64
	exponent int
	digits   int // Significant digits taken into mantissa.
	negative bool
	integer  bool // Neither a fraction nor an exponent.
}

// number reads a number in JSON's grammar into n, which must be zero.
func (s *scanner) number(n *number) bool {
	data, start, p := s.data, s.pos, s.pos
	if p < len(data) && data[p] == '-' {
		n.negative = true
		p++
	}
	n.integer = true
	whole := p
	p = n.take(data, p)
	if p == whole {
		s.pos = p
		return s.invalid("want a JSON value")
	}
	if data[whole] == '0' && p > whole+1 {
		s.pos = whole + 1
		return s.invalid("a number with a leading zero")
	}
	if p < len(data) && data[p] == '.' {
		n.integer = false
		fraction := p + 1
		p = n.take(data, fraction)
		if p == fraction {
			s.pos = p
			return s.invalid("want digits after the decimal point")
		}
		n.exponent = fraction - p
	}
	if p < len(data) && data[p]|0x20 == 'e' {
		n.integer = false
		e, next := exponent(data, p+1)
		if p = next; e == noExponent {
			s.pos = p
			return s.invalid("want digits in the exponent")
		}
		n.exponent += e
	}
	n.raw = data[start:p]
	s.pos = p
	return true
}

// take reads digits into the mantissa and returns the position after them.
// Digits beyond what the mantissa holds only count.
func (n *number) take(data []byte, p int) int {
	for ; p < len(data); p++ {
		d := data[p] - '0'
		if d > 9 {
			break
		}
		if n.mantissa != 0 || d != 0 {
			n.digits++
		}
		n.mantissa = n.mantissa*10 + uint64(d)
	}
	return p
}

const (
	noExponent  = math.MinInt
	hugeInteger = 1 << 30 // Far beyond any exponent that matters.
)

// exponent reads a sign and digits, and returns the position after them.
// Without digits it returns noExponent.
func exponent(data []byte, p int) (value, next int) {
	negative := false
	if p < len(data) && (data[p] == '+' || data[p] == '-') {
		negative = data[p] == '-'
		p++
	}
	start := p
	for ; p < len(data) && data[p]-'0' <= 9; p++ {
		if value < hugeInteger {
			value = value*10 + int(data[p]-'0')
		}
	}
	switch {
	case p == start:
		return noExponent, p
	case negative:
		return -value, p
	}
	return value, p
}

// Powers of ten that float64 holds exactly.
var exactPowers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// float is the number as strconv.ParseFloat gives it, or false beyond float64's
// range.
//
// Up to 15 digits are an integer that float64 holds exactly, and so are powers
// of ten up to 22: one multiplication or division of the two rounds once, which
// is the correctly rounded result (Clinger, "How to read floating point numbers
// accurately", 1990).
func (n *number) float() (float64, bool) {
	if n.digits <= 15 && n.exponent >= -22 && n.exponent <= 22 {
		f := float64(n.mantissa)
		if n.exponent < 0 {
			f /= exactPowers[-n.exponent]
		} else {
			f *= exactPowers[n.exponent]
		}
		if n.negative {
			f = -f
		}
		return f, true
	}
	f, err := strconv.ParseFloat(unsafe.String(&n.raw[0], len(n.raw)), 64)
	return f, err == nil
}
