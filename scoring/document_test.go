package scoring

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// explore reads all of a document, and counts its values.
func explore(e *element) int {
	values := 1
	switch e.notation.kind(e.span) {
	case kindObject:
		for key, s := range e.notation.fields(e.span) {
			values += explore(&element{notation: e.notation, span: s, up: e, key: string(key)})
		}
	case kindArray:
		items := 0
		for s := range e.notation.items(e.span) {
			values += explore(e.item(items, s))
			items++
		}
		if n, err := e.count(); err != nil || n != items {
			panic(fmt.Sprintf("an array of %d items counts %d, %v", items, n, err))
		}
		_, _ = e.int32s(nil, -1)
		_, _ = e.float32s(nil, -1)
	case kindText:
		_, _ = e.text()
	case kindNumber, kindBool:
		_ = e.notation.number(e.span)
	}
	return values
}

func TestJSONSyntax(t *testing.T) {
	nested := strings.Repeat("[", maxDepth) + "1" + strings.Repeat("]", maxDepth)
	for _, c := range []struct{ text, want string }{
		{`{"a":[1,-0,2.5,1e3,-1E-3,0.0,10E+2,NaN,Infinity,-Infinity,true,false,null,"",{},[]]}`, ""},
		{" \t\r\n{ \"a\" : [ 1 , { } , [ ] ] } \n", ""},
		{`"\"\\\/\b\f\n\r\t\u00e9\u"`, ""},
		{nested, ""},
		{"[" + nested + "]", "byte 65: values are nested deeper than 64"},
		{strings.Repeat("[", 1<<20), "byte 65: values are nested deeper than 64"},
		{strings.Repeat(`{"a":`, 1<<20), "values are nested deeper than 64"},
		{"", "byte 0: the file ends here: it is cut short"},
		{"[1", "byte 2: the file ends here"},
		{"[1,", "byte 3: the file ends here"},
		{`{"a"`, "byte 4: the file ends here"},
		{`{"a":`, "byte 5: the file ends here"},
		{`"a`, "byte 2: the file ends here"},
		{`"a\`, "byte 3: the file ends here"},
		{"[1] x", `byte 4: "x" stands after the end of the document`},
		{"[1,]", `byte 3: "]" stands where a value belongs`},
		{"[1 2]", `byte 3: "2]" stands where a comma or ] belongs`},
		{`{"a":1,}`, `byte 7: "}" stands where a field's name belongs`},
		{`{a:1}`, `stands where a field's name belongs`},
		{`{"a" 1}`, `stands where a colon belongs`},
		{`{"a":1]`, `stands where a comma or } belongs`},
		{"01", "stands after the end"},
		{"-", "cut short"},
		{"-x", "stands where a value belongs"},
		{"[1:]", "stands where a comma or ] belongs"},
		{"+1", "stands where a value belongs"},
		{".5", "stands where a value belongs"},
		{"1.", "cut short"},
		{"[1.]", "stands where a digit belongs"},
		{"[1e]", "stands where a digit belongs"},
		{"[1e+]", "stands where a digit belongs"},
		{"0x1", "stands after the end"},
		{"nan", "stands where a value belongs"},
		{"inf", "stands where a value belongs"},
		{"tru", "stands where a value belongs"},
		{"-Infini", "stands where a value belongs"},
		{`"\x"`, "stands where an escape that JSON knows belongs"},
		{"\"a\nb\"", "byte 2: a text holds a control character"},
		{"\xef\xbb\xbf{}", "stands where a value belongs"},
	} {
		checkSyntax(t, jsonNotation{}, c.text, c.want)
	}
}

func checkSyntax(t *testing.T, n notation, text, want string) {
	t.Helper()
	data := []byte(text)
	before := allocated()
	e, err := openDocument(n, data)
	if spent := allocated() - before; spent > 1<<20 {
		t.Errorf("%.20q: %d bytes allocated", text, spent)
	}
	switch {
	case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%.40q: %v, want %q", text, err, want)
	case err != nil && strings.Contains(err.Error(), "\n"):
		t.Errorf("%.40q: not one line: %q", text, err)
	case err == nil:
		explore(e)
	}
}

func TestJSONTexts(t *testing.T) {
	for text, want := range map[string]string{
		`"plain"`:                    "plain",
		`"\"\\\/\b\f\n\r\t"`:         "\"\\/\b\f\n\r\t",
		`"\u00e9\u0041\uD83D\uDE00"`: "éA😀",
		`"\uD83Dx"`:                  "\uFFFDx",
		`"\uD83D\u0041"`:             "\uFFFDA",
		`"C:\users"`:                 `C:\users`, // As XGBoost writes C:\users.
		`"\u12"`:                     `\u12`,
		`"é"`:                        "é",
	} {
		e, err := openDocument(jsonNotation{}, []byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := e.text(); got != want || err != nil {
			t.Errorf("%s reads %q, %v, want %q", text, got, err, want)
		}
	}
}

// TestJSONNumbers holds that floats are rounded once, from their decimals, and whole numbers are XGBoost's.
func TestJSONNumbers(t *testing.T) {
	for text, want := range map[string]float32{
		"5E-1": 0.5, "1.17549435E-38": 1.17549435e-38, "1E-45": math.SmallestNonzeroFloat32, "3.4028235E38": math.MaxFloat32,
		"1E39": float32(math.Inf(1)), "-1E39": float32(math.Inf(-1)), "1e-60": 0,
		"7.038531e-26":                       7.038531e-26, // The nearest float64 lies between two float32.
		"1.00000005960464477539062500000001": 1.0000001,    // So does this one's.
		"1.000000059604644775390625":         1,
		"Infinity":                           float32(math.Inf(1)), "-Infinity": float32(math.Inf(-1)),
		"16777217": 16777216, "-7": -7, "true": 1, "false": 0,
	} {
		e, err := openDocument(jsonNotation{}, []byte("["+text+"]"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.float32s(nil, 1)
		if err != nil || math.Float32bits(got[0]) != math.Float32bits(want) {
			t.Errorf("%s reads %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"[1.0]": "[0]: not a whole number of 32 bits", "[2147483648]": "[0]: not a whole number of 32 bits",
		"[1,-2147483649]": "[1]: not a whole number", "[1e3]": "[0]: not a whole number", "[NaN]": "[0]: not a whole number",
		"[99999999999999999999]": "[0]: not a whole number", "[[1]]": "[0]: an array where a number belongs", "[null]": "[0]: null where",
		"7": "a number where an array belongs",
	} {
		e, err := openDocument(jsonNotation{}, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if v, err := e.int32s(nil, -1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s reads %v, %v, want %q", text, v, err, want)
		}
	}
}

func TestUBJSONSyntax(t *testing.T) {
	length := func(n int64) string { return "L" + string(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	for _, c := range []struct{ data, want string }{
		{"{}", ""},
		{"[]", ""},
		{"[ZTFi\x01U\x02I\x00\x03l\x00\x00\x00\x04" + length(5) + "Cx" + "d\x00\x00\x00\x00D\x00\x00\x00\x00\x00\x00\x00\x00" + "Si\x02hi]", ""},
		{"[#i\x02i\x01i\x02", ""},
		{"[#i\x02i\x01i\x02]", "byte 8: 1 bytes stand after the end of the document"},
		{"[#i\x00", ""},
		{"[$d#i\x01\x00\x00\x00\x00", ""},
		{"[$L#U\x01\x00\x00\x00\x00\x00\x00\x00\x00", ""},
		{"[$d#" + length(0), ""},
		{"{i\x01a[$U#I\x00\x02\x01\x02" + length(1) + "b{}}", ""},
		{"", "byte 0: the file ends here: it is cut short"},
		{"[", "cut short"},
		{"{", "cut short"},
		{"{i\x01a", "cut short"},
		{"i", "cut short"},
		{"l\x00\x00\x00", "cut short"},
		{"SL\x00\x00", "cut short"},
		{"Si\x03hi", "a length of 3 where 2 bytes are left: the file is cut short or damaged"},
		{"Si\xffhi", "a length of -1 where 2 bytes are left"},
		{"S" + length(math.MaxInt64), "a length of 9223372036854775807 where 0 bytes are left"},
		{"S" + length(math.MinInt64), "a length of -9223372036854775808"},
		{"{" + length(1<<40) + "a", "a length of 1099511627776"},
		{"[$d#" + length(2) + "\x00\x00\x00\x00", "a length of 2 where 4 bytes are left"},
		{"[$D#" + length(1<<61) + "\x00\x00\x00\x00", "a length of 2305843009213693952"},
		{"[$d#" + length(1<<62+1) + "\x00\x00\x00\x00", "a length of"},
		{"[#" + length(1<<40) + "ZZZ", "a length of 1099511627776 where 3 bytes are left"},
		{"[#i\x03ZZ", "a length of 3 where 2 bytes are left"},
		{"[$Z#i\x02", `an array of type 'Z': only numbers are known`},
		{"[$[#i\x02", `an array of type '['`},
		{"[$", "cut short"},
		{"[$d", "cut short"},
		{"[$d#", "cut short"},
		{"[$di\x01", "an array has a type but no length"},
		{"[#Sx", `'S' stands where the type of a length belongs`},
		{"[#d\x00\x00\x00\x00", `'d' stands where the type of a length belongs`},
		{"[#Cx", "stands where the type of a length belongs"},
		{"{#i\x00", `'#' stands where the type of a length belongs`},
		{"{S", `'S' stands where the type of a length belongs`},
		{"N", `'N' stands where a value belongs`},
		{"Hi\x011", `'H' stands where a value belongs`},
		{"]", `stands where a value belongs`},
		{"Z.", "1 bytes stand after the end"},
		{strings.Repeat("[", maxDepth) + "Z" + strings.Repeat("]", maxDepth), ""},
		{strings.Repeat("[", maxDepth+1) + "Z" + strings.Repeat("]", maxDepth+1), "values are nested deeper than 64"},
		{strings.Repeat("[", 1<<20), "values are nested deeper than 64"},
		{strings.Repeat("[#i\x01", 1<<20), "values are nested deeper than 64"},
		{strings.Repeat("{i\x01a", 1<<20), "values are nested deeper than 64"},
	} {
		checkSyntax(t, ubjsonNotation{}, c.data, c.want)
	}
}

func TestUBJSONNumbers(t *testing.T) {
	data := "[i\xffU\xffI\xff\xffl\xff\xff\xff\xffL\xff\xff\xff\xff\xff\xff\xff\xffC\x41d\x3f\x80\x00\x00D\x3f\xf0\x00\x00\x20\x00\x00\x00TF]"
	want := []float32{-1, 255, -1, -1, -1, 65, 1, 1.0000001, 1, 0}
	e, err := openDocument(ubjsonNotation{}, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.float32s(nil, len(want))
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, typed := range []struct {
		data string
		want []int32
	}{
		{"[$i#i\x02\x80\x7f", []int32{-128, 127}},
		{"[$U#i\x02\x80\x7f", []int32{128, 127}},
		{"[$I#i\x01\x80\x00", []int32{-32768}},
		{"[$l#i\x01\x80\x00\x00\x00", []int32{math.MinInt32}},
		{"[$L#i\x01\x00\x00\x00\x00\x7f\xff\xff\xff", []int32{math.MaxInt32}},
	} {
		e, err := openDocument(ubjsonNotation{}, []byte(typed.data))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.int32s(nil, len(typed.want)); err != nil || fmt.Sprint(got) != fmt.Sprint(typed.want) {
			t.Errorf("%q: %v, %v, want %v", typed.data, got, err, typed.want)
		}
	}
}

// asUBJSON writes a JSON document as XGBoost would write it in UBJSON: numbers alone in arrays of their type.
func asUBJSON(t testing.TB, text string) []byte {
	t.Helper()
	e, err := openDocument(jsonNotation{}, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return appendUBJSON(nil, e)
}

func appendUBJSON(to []byte, e *element) []byte {
	text := func(s string) {
		to = append(binary.BigEndian.AppendUint64(append(to, 'L'), uint64(len(s))), s...)
	}
	n := e.notation
	switch n.kind(e.span) {
	case kindNull:
		return append(to, 'Z')
	case kindBool:
		return append(to, "FT"[n.number(e.span).int])
	case kindNumber:
		v := n.number(e.span)
		if !v.whole {
			return binary.BigEndian.AppendUint32(append(to, 'd'), math.Float32bits(v.float))
		}
		return binary.BigEndian.AppendUint64(append(to, 'L'), uint64(v.int))
	case kindText:
		to = append(to, 'S')
		text(n.text(e.span))
		return to
	case kindObject:
		to = append(to, '{')
		for key, s := range n.fields(e.span) {
			text(string(key))
			to = appendUBJSON(to, &element{notation: n, span: s})
		}
		return append(to, '}')
	}
	return appendUBJSONArray(to, e)
}

func appendUBJSONArray(to []byte, e *element) []byte {
	count, _ := e.count()
	if floats, err := e.float32s(nil, -1); err == nil && count > 0 {
		whole, err := e.int32s(nil, -1)
		to = append(to, "[$d#L"...)
		if err == nil {
			to[len(to)-3] = 'l'
		}
		to = binary.BigEndian.AppendUint64(to, uint64(count))
		for i, v := range floats {
			bits := math.Float32bits(v)
			if err == nil {
				bits = uint32(whole[i])
			}
			to = binary.BigEndian.AppendUint32(to, bits)
		}
		return to
	}
	to = binary.BigEndian.AppendUint64(append(to, "[#L"...), uint64(count))
	for s := range e.notation.items(e.span) {
		to = appendUBJSON(to, &element{notation: e.notation, span: s})
	}
	return to
}

// TestJunk opens 50 MB of what might be the beginning of a model. Its memory stays below a small multiple.
func TestJunk(t *testing.T) {
	const size = 50 << 20
	noise := make([]byte, size)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	model := `{"version":[3,2,0],"learner":{"attributes":`
	binaryModel := "{L\x00\x00\x00\x00\x00\x00\x00\x07learner"
	for _, file := range []struct{ name, head, again string }{
		{"noise", model, ""},
		{"zeros", model + "[", "0,"},
		{"objects", model, `{"a":`},
		{"strings", model + `["`, "a"},
		{"keys", `{"learner":{},`, `"a":0,`},
		{"names", `{"version":[3,2,0],"learner":{"feature_names":[`, `"a",`},
		{"no quotes", model + `"`, `\"`},
		{"UBJSON noise", binaryModel, ""},
		{"UBJSON arrays", binaryModel, "["},
		{"UBJSON nulls", binaryModel + "[", "Z"},
		{"UBJSON lengths", binaryModel, "[#L\x00\x00\x00\x00\x03\x00\x00\x00"},
		{"UBJSON keys", binaryModel + "{", "i\x00Z"},
	} {
		data := noise
		if file.again != "" {
			data = bytes.Repeat([]byte(file.again), size/len(file.again))
		}
		data = append([]byte(file.head), data...)
		before := allocated()
		if _, err := Open(data, Options{}); err == nil {
			t.Errorf("%s: opened", file.name)
		}
		if spent := allocated() - before; spent > size/10 {
			t.Errorf("%s: %d bytes allocated for %d", file.name, spent, len(data))
		}
	}
}

// FuzzXGBoostJSON holds that no JSON makes Open or Predict panic, hang or take memory out of proportion, and
// that what is taken for JSON is what the standard library takes for it, but for what XGBoost adds.
func FuzzXGBoostJSON(f *testing.F) {
	for _, text := range []string{smallXGBoost, smallVector, smallLinear} {
		f.Add([]byte(text))
	}
	for _, edit := range xgboostEdits {
		f.Add([]byte(strings.Replace(edit.model, edit.from, edit.to, 1)))
	}
	f.Add([]byte(`{"a":[1,-0.5e-3,NaN,-Infinity,true,null,"\u00e9\\"]} `))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := openDocument(jsonNotation{}, data)
		valid := json.Valid(data)
		switch {
		case err == nil && !valid && !bytes.ContainsAny(data, "NI") && !bytes.Contains(data, []byte(`\u`)):
			t.Errorf("taken for JSON: %q", data)
		case err != nil && valid && !strings.Contains(err.Error(), "nested deeper"):
			t.Errorf("%v: %q", err, data)
		}
		if err == nil {
			explore(e)
		}
		tryOpen(t, data)
	})
}

// FuzzXGBoostUBJSON is FuzzXGBoostJSON for UBJSON, of which there is no other reader.
func FuzzXGBoostUBJSON(f *testing.F) {
	for _, text := range []string{smallXGBoost, smallVector, smallLinear} {
		f.Add(asUBJSON(f, text))
	}
	for _, edit := range xgboostEdits {
		f.Add(asUBJSON(f, strings.Replace(edit.model, edit.from, edit.to, 1)))
	}
	f.Add([]byte("[ZTFi\x01U\x02I\x00\x03[$d#U\x01\x00\x00\x00\x00[#i\x01Si\x02hi]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := openDocument(ubjsonNotation{}, data); err == nil {
			explore(e)
		}
		tryOpen(t, data)
	})
}
