package features

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// everyType is a contract with a feature of every type and kind of default.
func everyType(t testing.TB) *Contract {
	t.Helper()
	nan, seven := Default(math.NaN()), Default(7)
	c, err := NewContract([]Feature{
		{Name: "amount", Source: FromEvent},
		{Name: "online", Source: FromEvent, Type: Boolean, Default: &nan},
		{Name: "brand", Source: FromEvent, Type: Category, Codes: map[string]float64{"visa": 1, "ma\"stér": 2, "": 3}},
		{Name: "channel", Source: FromEvent, Type: Category, Codes: map[string]float64{"app": 1}, Default: &seven},
		{Name: "amount again", Source: FromEvent, Field: "amount", Default: &seven},
		{Name: "count", Source: FromStore, Default: &seven},
	}, Layout{ID: "id", Key: "user", Copy: []string{"note", "amount", "user"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// decoded is Decode's result as one line.
func decoded(c *Contract, text string) (string, error) {
	var ev Event
	row, status := make([]float64, c.Len()), make([]Status, c.Len())
	if err := c.Decode([]byte(text), &ev, row, status); err != nil {
		return "", err
	}
	return describe(c, &ev, row, status), nil
}

func describe(c *Contract, ev *Event, row []float64, status []Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "id=%s entity=%s key=%q", ev.ID, ev.Entity, ev.Key)
	for _, raw := range ev.Copy {
		if raw == nil {
			b.WriteString(" copy=absent")
			continue
		}
		fmt.Fprintf(&b, " copy=%s", raw)
	}
	for _, i := range c.first {
		fmt.Fprintf(&b, " %s/%d", strconv.FormatFloat(row[i], 'g', -1, 64), status[i])
	}
	return b.String()
}

func TestDecodeGoodEvents(t *testing.T) {
	c := everyType(t)
	cases := []struct{ name, event, want string }{
		{
			"everything",
			`{"id":"t1","user":"u1","amount":12.5,"online":true,"brand":"visa","channel":"app","note":{"a":[1,null]}}`,
			`id="t1" entity="u1" key="u1" copy={"a":[1,null]} copy=12.5 copy="u1" 12.5/0 1/0 1/0 1/0 12.5/0`,
		},
		{
			"only what is required",
			`{"id":1,"user":2,"amount":0,"brand":""}`,
			`id=1 entity=2 key="2" copy=absent copy=0 copy=2 0/0 NaN/2 3/0 7/1 0/0`,
		},
		{
			"null is absent",
			`{"id":1,"user":2,"amount":0,"brand":"","online":null,"channel":null,"note":null}`,
			`id=1 entity=2 key="2" copy=absent copy=0 copy=2 0/0 NaN/2 3/0 7/1 0/0`,
		},
		{
			"an unknown category falls back on its default",
			`{"id":1,"user":2,"amount":0,"brand":"","channel":"web"}`,
			`id=1 entity=2 key="2" copy=absent copy=0 copy=2 0/0 NaN/2 3/0 7/1 0/0`,
		},
		{
			"escapes in names, strings and entity",
			`{"\u0069d":"\u00e9","user":"a\ud83d\ude00\n\/","amount":-0.0,"brand":"ma\"st\u00E9r","online":false}`,
			`id="\u00e9" entity="a\ud83d\ude00\n\/" key="a😀\n/" copy=absent copy=-0.0 copy="a\ud83d\ude00\n\/" -0/0 0/0 2/0 7/1 -0/0`,
		},
		{
			"white space everywhere",
			" \t\r\n{ \"id\" : 1 , \"user\" : -0 ,\n\"amount\" : 1e2 , \"brand\" : \"visa\" } \n",
			`id=1 entity=-0 key="0" copy=absent copy=1e2 copy=-0 100/0 NaN/2 1/0 7/1 100/0`,
		},
		{
			"an integer beyond 64 bits is still an entity",
			`{"id":-5,"user":123456789012345678901234567890,"amount":1,"brand":"visa"}`,
			`id=-5 entity=123456789012345678901234567890 key="123456789012345678901234567890" copy=absent copy=1 ` +
				`copy=123456789012345678901234567890 1/0 NaN/2 1/0 7/1 1/0`,
		},
		{
			"a huge number in a field nobody reads",
			`{"id":1,"user":2,"amount":1,"brand":"visa","x":1e999,"nested":{"id":3,"id":4}}`,
			`id=1 entity=2 key="2" copy=absent copy=1 copy=2 1/0 NaN/2 1/0 7/1 1/0`,
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			got, err := decoded(c, tc.event)
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	c := everyType(t)
	good := `"id":1,"user":2,"amount":3,"brand":"visa"`
	cases := []struct {
		name, event, class, field string
		offset                    int
	}{
		{"nothing", ``, ClassEmpty, "", 0},
		{"white space", "  \n", ClassEmpty, "", 3},
		{"null", ` null `, ClassEmpty, "", 1},
		{"broken null", `nul`, ClassInvalidJSON, "", 0},
		{"array", `[1]`, ClassWrongType, "", 0},
		{"number", `12`, ClassWrongType, "", 0},
		{"broken array", `[1`, ClassInvalidJSON, "", 2},
		{"trailing bytes", `{` + good + `}x`, ClassInvalidJSON, "", 43},
		{"two documents", `{` + good + `}{}`, ClassInvalidJSON, "", 43},
		{"trailing comma", `{` + good + `,}`, ClassInvalidJSON, "", 43},
		{"leading comma", `{,` + good + `}`, ClassInvalidJSON, "", 1},
		{"no comma", `{"id":1 "user":2}`, ClassInvalidJSON, "", 8},
		{"no colon", `{"id" 1}`, ClassInvalidJSON, "id", 6},
		{"unquoted name", `{id:1}`, ClassInvalidJSON, "", 1},
		{"single quotes", `{'id':1}`, ClassInvalidJSON, "", 1},
		{"truncated", `{"id":1,"us`, ClassInvalidJSON, "", 11},
		{"truncated value", `{"id":`, ClassInvalidJSON, "id", 6},
		{"byte order mark", "\ufeff{}", ClassInvalidJSON, "", 0},
		{"NaN", `{"id":1,"user":2,"amount":NaN}`, ClassInvalidJSON, "amount", 26},
		{"leading zero", `{"id":1,"user":2,"amount":01}`, ClassInvalidJSON, "amount", 27},
		{"plus sign", `{"x":+1}`, ClassInvalidJSON, "x", 5},
		{"no digits after the point", `{"x":1.}`, ClassInvalidJSON, "x", 7},
		{"no digits before the point", `{"x":.5}`, ClassInvalidJSON, "x", 5},
		{"empty exponent", `{"x":1e+}`, ClassInvalidJSON, "x", 8},
		{"lone minus", `{"x":-}`, ClassInvalidJSON, "x", 6},
		{"hexadecimal", `{"x":0x10}`, ClassInvalidJSON, "", 6},
		{"control character", "{\"x\":\"a\x01\"}", ClassInvalidJSON, "x", 7},
		{"raw newline", "{\"x\":\"a\n\"}", ClassInvalidJSON, "x", 7},
		{"bad UTF-8", "{\"x\":\"\xff\"}", ClassInvalidJSON, "x", 6},
		{"overlong UTF-8", "{\"x\":\"\xc0\xaf\"}", ClassInvalidJSON, "x", 6},
		{"UTF-8 of a surrogate", "{\"x\":\"\xed\xa0\x80\"}", ClassInvalidJSON, "x", 6},
		{"bad UTF-8 in a nested name", "{\"x\":{\"\xff\":1}}", ClassInvalidJSON, "x", 7},
		{"lone high surrogate", `{"x":"\ud83d"}`, ClassInvalidJSON, "x", 12},
		{"lone low surrogate", `{"x":"\ude00"}`, ClassInvalidJSON, "x", 12},
		{"high surrogate before a letter", `{"x":"\ud83d\u0041"}`, ClassInvalidJSON, "x", 12},
		{"unknown escape", `{"x":"\x"}`, ClassInvalidJSON, "x", 7},
		{"bad hexadecimal digits", `{"x":"\u00g0"}`, ClassInvalidJSON, "x", 7},
		{"mismatched brackets", `{"x":[1}}`, ClassInvalidJSON, "x", 7},
		{"mismatched brackets in an object", `{"x":{"a":1]}`, ClassInvalidJSON, "x", 11},
		{"nested trailing comma", `{"x":[1,]}`, ClassInvalidJSON, "x", 8},
		{"duplicate", `{"id":1,"user":2,"id":1}`, ClassDuplicateKey, "id", 17},
		{"duplicate of an unknown field", `{"x":1,"x":1}`, ClassDuplicateKey, "x", 7},
		{"duplicate in other letters", `{"xyz":1,"\u0078y\u007a":1}`, ClassDuplicateKey, "xyz", 9},
		{"duplicate null", `{"x":null,"x":null}`, ClassDuplicateKey, "x", 10},
		{"duplicate empty name", `{"":1,"":1}`, ClassDuplicateKey, "", 6},
		{"no id", `{"user":2,"amount":3,"brand":"visa"}`, ClassMissingField, "id", 36},
		{"null entity", `{"id":1,"user":null,"amount":3,"brand":"visa"}`, ClassMissingField, "user", 46},
		{"no required feature", `{"id":1,"user":2,"brand":"visa"}`, ClassMissingField, "amount", 32},
		{"id is a fraction", `{"id":1.0}`, ClassWrongType, "id", 6},
		{"id has an exponent", `{"id":1e3}`, ClassWrongType, "id", 6},
		{"entity is a boolean", `{"user":true}`, ClassWrongType, "user", 8},
		{"entity is an object", `{"user":{}}`, ClassWrongType, "user", 8},
		{"number in quotes", `{"amount":"3"}`, ClassWrongType, "amount", 10},
		{"boolean as a number", `{"online":1}`, ClassWrongType, "online", 10},
		{"category as a number", `{"brand":1}`, ClassWrongType, "brand", 9},
		{"number as a list", `{"amount":[3]}`, ClassWrongType, "amount", 10},
		{"number beyond float64", `{"amount":1e999}`, ClassOutOfRange, "amount", 10},
		{"number just beyond float64", `{"amount":-1.7976931348623159e308}`, ClassOutOfRange, "amount", 10},
		{"unknown category", `{"brand":"diners"}`, ClassUnknownCategory, "brand", 9},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			got, err := decoded(c, tc.event)
			var bad *EventError
			if !errors.As(err, &bad) {
				t.Fatalf("got %q, %v; want an EventError", got, err)
			}
			if bad.Class != tc.class || bad.Field != tc.field || bad.Offset != tc.offset {
				t.Errorf("got %v\nwant %s in %q at %d", bad, tc.class, tc.field, tc.offset)
			}
			if strings.Contains(bad.Error(), "\n") || bad.Reason == "" {
				t.Errorf("not one line with a reason: %q", bad.Error())
			}
		})
	}
}

func TestEventErrorShowsLittleOfForeignNames(t *testing.T) {
	name := strings.Repeat("\\n", 1000)
	_, err := decoded(everyType(t), `{"`+name+`":1,"`+name+`":2}`)
	if text := err.Error(); len(text) > 300 || strings.Contains(text, "\n") {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

func TestDecodeDepth(t *testing.T) {
	c := everyType(t)
	nested := func(depth int) string {
		return `{"id":1,"user":2,"amount":3,"brand":"visa","x":` +
			strings.Repeat(`[`, depth-1) + strings.Repeat(`]`, depth-1) + `}`
	}
	if _, err := decoded(c, nested(maxDepth)); err != nil {
		t.Errorf("depth %d: %v", maxDepth, err)
	}
	if _, err := decoded(c, nested(maxDepth+1)); err == nil {
		t.Errorf("depth %d was accepted", maxDepth+1)
	}
	if _, err := decoded(c, strings.Repeat(`[`, 10_000_000)); err == nil {
		t.Error("ten million brackets were accepted")
	}
	if _, err := decoded(c, strings.Repeat(`{"":`, 1_000_000)); err == nil {
		t.Error("a million objects were accepted")
	}
}

// TestManyFieldsAreLinear sends the event of an attacker. A quadratic search
// for duplicates would take minutes for it.
func TestManyFieldsAreLinear(t *testing.T) {
	c := everyType(t)
	var b strings.Builder
	b.WriteString(`{"id":1,"user":2,"amount":3,"brand":"visa"`)
	for i := range 300_000 {
		fmt.Fprintf(&b, `,"k%d":0`, i)
	}
	start := time.Now()
	if _, err := decoded(c, b.String()+`}`); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 20, 21, 22, 23, 24, 25, 100, 299_999} {
		var bad *EventError
		_, err := decoded(c, b.String()+fmt.Sprintf(`,"k\u00%x%s":0}`, strconv.Itoa(i)[0], strconv.Itoa(i)[1:]))
		if !errors.As(err, &bad) || bad.Class != ClassDuplicateKey || bad.Field != fmt.Sprintf("k%d", i) {
			t.Errorf("duplicate of k%d: %v", i, err)
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestScratchIsReused decodes events of all sizes into one Event: nothing of
// one may show in the next, and big scratch is given back.
func TestScratchIsReused(t *testing.T) {
	c := everyType(t)
	small := `{"id":1,"user":2,"amount":3,"brand":"visa","k1":1,"k\u0032":2}`
	want, err := decoded(c, small)
	if err != nil {
		t.Fatal(err)
	}
	var ev Event
	row, status := make([]float64, c.Len()), make([]Status, c.Len())
	for _, n := range []int{0, 1, 23, 24, 25, 100, 20_000, 3} {
		var b strings.Builder
		b.WriteString(`{"note":"x","online":true`)
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":0`, i)
		}
		b.WriteString(`,"id":"other","user":"other","amount":9,"brand":""}`)
		if err := c.Decode([]byte(b.String()), &ev, row, status); err != nil {
			t.Fatalf("%d fields: %v", n, err)
		}
		if err := c.Decode([]byte(small), &ev, row, status); err != nil {
			t.Fatalf("after %d fields: %v", n, err)
		}
		if got := describe(c, &ev, row, status); got != want {
			t.Errorf("after %d fields: %s, want %s", n, got, want)
		}
	}
	if cap(ev.scan.keys.keys) > manyKeys {
		t.Errorf("scratch for %d names is kept", cap(ev.scan.keys.keys))
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	c := everyType(t)
	var many strings.Builder
	many.WriteString(`{"id":1,"user":"\u0041","amount":3.25e-7,"brand":"ma\"st\u00e9r","x":[[{"a":1}]]`)
	for i := range 200 {
		fmt.Fprintf(&many, `,"k%d":0`, i)
	}
	many.WriteString("}")
	for _, event := range []string{
		`{"id":"t","user":"u","amount":1.7976931348623157e308,"brand":"visa","online":true,"note":[1]}`,
		many.String(),
	} {
		var ev Event
		row, status := make([]float64, c.Len()), make([]Status, c.Len())
		value := []byte(event)
		allocs := testing.AllocsPerRun(100, func() {
			if err := c.Decode(value, &ev, row, status); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%.60s…: %v allocations", event, allocs)
		}
	}
}

func TestNumbersAreParseFloats(t *testing.T) {
	texts := []string{
		"0", "-0", "0.0", "-0.0e5", "1", "0.1", "123456789012345", "1234567890123456", "9007199254740993", "0.000001",
		"1e22", "1e23", "-1e-22", "1e-23", "123456789012345e22", "999999999999999e-22", "1.7976931348623157e308",
		"4.9e-324", "2.2250738585072011e-308", "1e-400", "0e999999999999", "1e-999999999999", "0.30000000000000004",
		"100000000000000000000000", "0." + strings.Repeat("0", 400) + "1", strings.Repeat("9", 308), "12345.678900000000000000000",
	}
	for m := uint64(1); m < 1e18; m = m*7 + 3 {
		for e := -25; e <= 25; e++ {
			texts = append(texts, fmt.Sprintf("%de%d", m, e), fmt.Sprintf("-0.%dE%+d", m, e))
		}
	}
	for _, text := range texts {
		s := scanner{data: []byte(text)}
		var n number
		if !s.number(&n) || s.pos != len(text) {
			t.Errorf("%s: not read whole", text)
			continue
		}
		got, _ := n.float()
		want, _ := strconv.ParseFloat(text, 64)
		if math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

// oracle decodes an event with an independent JSON library, slowly. It
// returns the line that describe would, or false for an event to be refused.
func oracle(c *Contract, event []byte) (string, bool) {
	dec := jsontext.NewDecoder(bytes.NewReader(event), jsontext.AllowDuplicateNames(true))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return "", false
	}
	fields := map[string]jsontext.Value{}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return "", false
		}
		name := token.String()
		if _, twice := fields[name]; twice {
			return "", false
		}
		value, err := dec.ReadValue()
		if err != nil {
			return "", false
		}
		fields[name] = value.Clone()
	}
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '}' {
		return "", false
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return "", false
	}
	for name, value := range fields {
		if value.Kind() == 'n' {
			delete(fields, name)
		}
	}
	var ev Event
	row, status := make([]float64, c.Len()), make([]Status, c.Len())
	for _, identity := range []jsontext.Value{fields[c.layout.ID], fields[c.layout.Key]} {
		if identity == nil || identity.Kind() != '"' && (identity.Kind() != '0' || strings.ContainsAny(string(identity), ".eE")) {
			return "", false
		}
	}
	ev.ID, ev.Entity = fields[c.layout.ID], fields[c.layout.Key]
	ev.Key = text(fields[c.layout.Key])
	if string(ev.Key) == "-0" && ev.Entity[0] == '-' {
		ev.Key = []byte("0")
	}
	for _, name := range c.layout.Copy {
		ev.Copy = append(ev.Copy, fields[name])
	}
	for i, f := range c.features {
		if f.Source == FromEvent && !oracleFeature(f, fields[f.Field], &row[i], &status[i]) {
			return "", false
		}
	}
	return describe(c, &ev, row, status), true
}

// oracleFeature reads one feature for the oracles; a nil value is absent.
func oracleFeature(f Feature, value jsontext.Value, x *float64, status *Status) bool {
	fallback := func() bool {
		if f.Default == nil {
			return false
		}
		*x, *status = float64(*f.Default), Absent
		if math.IsNaN(*x) {
			*status = Missing
		}
		return true
	}
	if value == nil {
		return fallback()
	}
	*status = Present
	switch kind := value.Kind(); {
	case f.Type == Number && kind == '0':
		var err error
		*x, err = strconv.ParseFloat(string(value), 64)
		return err == nil
	case f.Type == Boolean && (kind == 't' || kind == 'f'):
		*x = map[jsontext.Kind]float64{'t': 1, 'f': 0}[kind]
		return true
	case f.Type == Category && kind == '"':
		code, ok := f.Codes[string(text(value))]
		if !ok {
			return fallback()
		}
		*x = code
		return true
	}
	return false
}

// text is a JSON string without quotes and escapes, and anything else as it is.
func text(value jsontext.Value) []byte {
	if value.Kind() != '"' {
		return value
	}
	plain, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		panic(err) // The decoder has accepted the string.
	}
	return plain
}

func fuzzSeeds(f *testing.F) {
	f.Helper()
	for _, seed := range []string{
		benchmarkEvent, ``, `null`, `{}`, `[]`, `1`, `{"id":1,"user":2,"amount":3,"brand":"visa"}`,
		`{"id":"a","user":"\ud83d\ude00","amount":-1.5e-3,"brand":"ma\"st\u00e9r","online":false,"channel":"web","note":{"a":[{},[],"",null,true]}}`,
		`{"id":-0,"user":-0,"amount":1e308,"brand":"","online":null}`, `{"a":1,"\u0061":2}`, `{"x":"\ud83d"}`, "{\"x\":\"\xff\"}",
		`{"x":01}`, `{"x":1.}`, `{"x":1e}`, `{"x":[1,]}`, `{"x":{"a":1,}}`, `{"x":tru}`, `{} {}`, "\ufeff{}", "{\"x\":\"\u0000\"}",
		`{"id":1,"user":2,"amount":1e999,"brand":"visa"}`, `{"id":1.0,"user":2,"amount":1,"brand":"visa"}`,
		`{"count":3,"rate":0.25,"flag":true,"tier":"gold"}`, `{"count":"3","rate":1e999,"flag":0,"tier":"tin"}`, `{"count":null}`,
		`{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0,"r":0,"s":0,"t":0,"u":0,"v":0,"w":0,"x":0,"y":0,"z":0,"a":0}`,
		strings.Repeat(`{"":`, 70) + `0` + strings.Repeat(`}`, 70),
	} {
		f.Add([]byte(seed))
	}
}

// FuzzDecode compares Decode with the oracle: on what is accepted, and on every
// value that comes out.
func FuzzDecode(f *testing.F) {
	fuzzSeeds(f)
	c := everyType(f)
	var ev Event // Reused, as in service, so that leftovers would show.
	row, status := make([]float64, c.Len()), make([]Status, c.Len())
	f.Fuzz(func(t *testing.T, event []byte) {
		want, accepted := oracle(c, event)
		before := bytes.Clone(event)
		err := c.Decode(event, &ev, row, status)
		if (err == nil) != accepted {
			t.Fatalf("%q: Decode says %v, the oracle accepts: %v", event, err, accepted)
		}
		if !bytes.Equal(before, event) {
			t.Fatal("Decode changed its input")
		}
		if err != nil {
			return
		}
		if got := describe(c, &ev, row, status); got != want {
			t.Fatalf("%q:\ngot  %s\nwant %s", event, got, want)
		}
	})
}
