package scoring

import "math"

// logfTable and logfPoly are the constants of the C library's logf: 1/c and log(c) for 16 numbers c, and
// what log1p is close to (glibc's sysdeps/ieee754/flt-32/logf_data.c, from Arm's optimized routines).
var (
	logfTable = [16][2]float64{
		{0x1.661ec79f8f3bep+0, -0x1.57bf7808caadep-2},
		{0x1.571ed4aaf883dp+0, -0x1.2bef0a7c06ddbp-2},
		{0x1.49539f0f010bp+0, -0x1.01eae7f513a67p-2},
		{0x1.3c995b0b80385p+0, -0x1.b31d8a68224e9p-3},
		{0x1.30d190c8864a5p+0, -0x1.6574f0ac07758p-3},
		{0x1.25e227b0b8eap+0, -0x1.1aa2bc79c81p-3},
		{0x1.1bb4a4a1a343fp+0, -0x1.a4e76ce8c0e5ep-4},
		{0x1.12358f08ae5bap+0, -0x1.1973c5a611cccp-4},
		{0x1.0953f419900a7p+0, -0x1.252f438e10c1ep-5},
		{1, 0},
		{0x1.e608cfd9a47acp-1, 0x1.aa5aa5df25984p-5},
		{0x1.ca4b31f026aap-1, 0x1.c5e53aa362eb4p-4},
		{0x1.b2036576afce6p-1, 0x1.526e57720db08p-3},
		{0x1.9c2d163a1aa2dp-1, 0x1.bc2860d22477p-3},
		{0x1.886e6037841edp-1, 0x1.1058bc8a07ee1p-2},
		{0x1.767dcf5534862p-1, 0x1.4043057b6ee09p-2},
	}
	logfPoly = [3]float64{-0x1.00ea348b88334p-2, 0x1.5575b0be00b6ap-2, -0x1.ffffef20a4123p-2}
)

// logf is the C library's logf, which XGBoost takes base margins from. It misses the nearest float32 for one
// number in 250; a base margin that is the nearest would shift all margins of such a model by a bit. The
// steps are those of glibc since 2.27 (sysdeps/ieee754/flt-32/e_logf.c), so that the bits are.
func logf(x float32) float32 {
	switch {
	case x != x || x < 0:
		return float32(math.NaN())
	case x == 0:
		return float32(math.Inf(-1))
	case math.IsInf(float64(x), 1):
		return x
	}
	bits := math.Float32bits(x)
	if bits < 1<<23 { // A denormal: scaled to a normal number.
		bits = math.Float32bits(x*(1<<23)) - 23<<23
	}
	// x = 2^k·z, where z is near the c of one of the 16 stretches from 0.7 to 1.4.
	const low = 0x3f330000
	above := bits - low
	k := float64(int32(above) >> 23)
	z := float64(math.Float32frombits(bits - above&(0x1ff<<23)))
	c := logfTable[above>>19%16]
	// log(x) = log1p(z/c - 1) + log(c) + k·log(2). Products are rounded before they are added, on every processor.
	r := float64(z*c[0]) - 1
	rr := r * r
	y := float64(logfPoly[1]*r) + logfPoly[2]
	y = float64(logfPoly[0]*rr) + y
	return float32(float64(y*rr) + (c[1] + float64(k*math.Ln2) + r))
}
