package features

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func TestContractIsValidated(t *testing.T) {
	zero, inf := Default(0), Default(math.Inf(1))
	codes := map[string]float64{"a": 1}
	cases := []struct {
		name     string
		features []Feature
		want     string // Part of the error.
	}{
		{"no features", nil, "no features"},
		{"no name", []Feature{{Source: FromEvent}}, "no name"},
		{"no source", []Feature{{Name: "a"}}, `source "": want "event" or "store"`},
		{"unknown type", []Feature{{Name: "a", Source: FromEvent, Type: "text"}}, `type "text"`},
		{"category without codes", []Feature{{Name: "a", Source: FromEvent, Type: Category}}, "needs codes"},
		{"codes without category", []Feature{{Name: "a", Source: FromEvent, Codes: codes}}, "codes are for"},
		{"endless code", []Feature{{Name: "a", Source: FromEvent, Type: Category, Codes: map[string]float64{"a": math.Inf(1)}}}, "finite"},
		{"required from the store", []Feature{{Name: "a", Source: FromStore}}, "needs a default"},
		{"endless default", []Feature{{Name: "a", Source: FromStore, Default: &inf}}, "finite"},
		{"max_age", []Feature{{Name: "a", Source: FromStore, Default: &zero, MaxAge: time.Hour}}, "not available yet"},
		{"name twice", []Feature{{Name: "a", Source: FromEvent}, {Name: "a", Source: FromStore, Default: &zero}}, `feature 1 "a": the name is taken`},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			_, err := NewContract(tc.features, Layout{ID: "id", Key: "user"})
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tc.want)
			}
		})
	}
	for _, layout := range []Layout{{}, {ID: "id"}, {Key: "user"}} {
		if _, err := NewContract(DefaultFeatures(), layout); err == nil {
			t.Errorf("layout %+v was accepted", layout)
		}
	}
}

func TestContractFromYAML(t *testing.T) {
	const text = `
- name: amount
  source: event
- name: brand
  source: event
  field: card_brand
  type: category
  codes: {visa: 1, other: 2.5}
  default: missing
- {name: count, source: store, default: -0.5}
- {name: mean, source: store, default: "missing"}
`
	var got []Feature
	if err := yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	nan, half := Default(math.NaN()), Default(-0.5)
	want := []Feature{
		{Name: "amount", Source: FromEvent},
		{Name: "brand", Source: FromEvent, Field: "card_brand", Type: Category, Codes: map[string]float64{"visa": 1, "other": 2.5}, Default: &nan},
		{Name: "count", Source: FromStore, Default: &half},
		{Name: "mean", Source: FromStore, Default: &nan},
	}
	equalNaN := cmp.Comparer(func(a, b Default) bool { return a == b || a != a && b != b })
	if diff := cmp.Diff(want, got, equalNaN); diff != "" {
		t.Error(diff)
	}
	for name, codec := range map[string]struct {
		marshal   func(any) ([]byte, error)
		unmarshal func([]byte, any) error
	}{"yaml": {yaml.Marshal, yaml.Unmarshal}, "json": {json.Marshal, json.Unmarshal}} {
		bytes, err := codec.marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again []Feature
		if err := codec.unmarshal(bytes, &again); err != nil {
			t.Fatalf("%s: %v in %s", name, err, bytes)
		}
		if diff := cmp.Diff(want, again, equalNaN); diff != "" {
			t.Errorf("%s round trip: %s", name, diff)
		}
	}
	for _, bad := range []string{"often", "1e999", "NaN", "inf", "[1]", "true"} {
		var f Feature
		if err := yaml.Unmarshal([]byte("{name: a, default: "+bad+"}"), &f); err == nil {
			t.Errorf("default %s was accepted as %v", bad, *f.Default)
		}
	}
}

// TestCanonical pins the bytes: digests of deployed models rest on them.
func TestCanonical(t *testing.T) {
	const want = `"amount" "event" "amount" "number" {} required 0
"online" "event" "online" "boolean" {} missing 0
"brand" "event" "brand" "category" {"":3 "ma\"stér":2 "visa":1} required 0
"channel" "event" "channel" "category" {"app":1} 7 0
"amount again" "event" "amount" "number" {} 7 0
"count" "store" "count" "number" {} 7 0
`
	if diff := cmp.Diff(want, string(everyType(t).Canonical())); diff != "" {
		t.Error(diff)
	}
}

func TestOrder(t *testing.T) {
	c := testContract(t, DefaultFeatures())
	names := c.Names()
	cases := []struct {
		name  string
		model []string
		want  string
	}{
		{"the contract's own", names, ""},
		{"none", nil, ""},
		{"LightGBM's generic ones", []string{"Column_0", "Column_1", "Column_2", "Column_3", "Column_4"}, ""},
		{"XGBoost's generic ones", []string{"f0", "f1", "f2", "f3", "f4"}, ""},
		{"too few", names[:4], "lists 5 features, the model reads 4"},
		{"too few generic ones", []string{"f0", "f1"}, "lists 5 features, the model reads 2"},
		{"another order", []string{names[1], names[0], names[2], names[3], names[4]}, `feature 0 is "amount", the model's is "merchant_category"`},
		{"generic ones in another order", []string{"f1", "f0", "f2", "f3", "f4"}, `the model's is "f1"`},
	}
	for _, tc := range cases {
		err := c.Order(tc.model)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestDefaultFeaturesCompile(t *testing.T) {
	c := testContract(t, DefaultFeatures())
	want := []string{"amount", "merchant_category", "tx_count_1h", "avg_amount_1h", "unique_merchants_1h"}
	if diff := cmp.Diff(want, c.Names()); diff != "" || c.Len() != 5 {
		t.Error(diff)
	}
	for _, f := range c.Features() {
		if f.Field != f.Name || f.Type != Number || (f.Default == nil) != (f.Source == FromEvent) {
			t.Errorf("%+v", f)
		}
	}
}

func TestStatus(t *testing.T) {
	for status, want := range map[Status]struct {
		text     string
		degraded bool
	}{
		Present: {"present", false}, Absent: {"default", false}, Missing: {"missing", false},
		Stale: {"stale", true}, Defaulted: {"default", true},
	} {
		if status.String() != want.text || Degraded(status) != want.degraded {
			t.Errorf("%d: %q, degraded %v", status, status, Degraded(status))
		}
	}
}
