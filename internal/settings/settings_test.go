package settings

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// sample has a field of every kind that a configuration may hold.
type sample struct {
	Name  string    `yaml:"name" doc:"a text"`
	Plain plain     `yaml:"plain"`
	Other otherKind `yaml:"other"`
	Skip  chan int  `yaml:"-"`
}

type plain struct {
	On       bool          `yaml:"on"`
	Count    int           `yaml:"count"`
	Small    int8          `yaml:"small"`
	Port     uint16        `yaml:"port"`
	Share    float64       `yaml:"share"`
	Wait     time.Duration `yaml:"wait_time"`
	Password string        `yaml:"password"`
	Pin      int           `yaml:"pin" secret:"true"`
}

type otherKind struct {
	Names     []string `yaml:"names"`
	Threshold *float64 `yaml:"threshold"`
	Level     level    `yaml:"level"`
	Items     []item   `yaml:"items"`
}

type item struct {
	Name  string             `yaml:"name"`
	Codes map[string]float64 `yaml:"codes"`
	Age   time.Duration      `yaml:"max_age"`
}

// level reads and writes itself.
type level int

func (l *level) UnmarshalText(text []byte) error {
	switch string(text) {
	case "low":
		*l = 1
	case "high":
		*l = 2
	case "top":
		return errors.New(`"top" is not known`)
	default:
		return errors.New("know\n only low and high")
	}
	return nil
}

func (l level) MarshalText() ([]byte, error) { return []byte([...]string{"", "low", "high"}[l]), nil }

func defaults() sample {
	half := 0.5
	return sample{
		Name:  "standing",
		Plain: plain{Count: 7, Share: 0.25, Wait: time.Second},
		Other: otherKind{Names: []string{"one", "two"}, Threshold: &half, Level: 1, Items: []item{{Name: "first"}}},
	}
}

// load runs all sources over a fresh sample, as a program does at its start.
func load(t *testing.T, file string, environ, args []string) (sample, *Settings, error) {
	t.Helper()
	cfg := defaults()
	s, err := Of("millrace", &cfg)
	if err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s.RegisterFlags(flags)
	if file != "" {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("millrace.yaml", []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", "millrace.yaml"}, args...)
	}
	if err := flags.Parse(args); err != nil {
		return cfg, s, FlagError(flags, err)
	}
	return cfg, s, s.Load(flags, environ)
}

// inFile writes one setting as a file; the value then stands on the last line.
func inFile(path, value string) string {
	var b strings.Builder
	for depth, key := range strings.Split(path, ".") {
		if depth > 0 {
			b.WriteString(":\n")
		}
		b.WriteString(strings.Repeat("  ", depth) + key)
	}
	return b.String() + ": " + value + "\n"
}

func TestEveryKindFromEverySource(t *testing.T) {
	for _, c := range []struct {
		path  string
		texts [3]string // For the file, the environment and the flag.
		want  [3]any
		field func(c sample) any
	}{
		{"name", [3]string{"from-file", "a, b", `x "y"`}, [3]any{"from-file", "a, b", `x "y"`}, func(c sample) any { return c.Name }},
		{"plain.on", [3]string{"true", "false", "true"}, [3]any{true, false, true}, func(c sample) any { return c.Plain.On }},
		{"plain.count", [3]string{"1", "-2", "3"}, [3]any{1, -2, 3}, func(c sample) any { return c.Plain.Count }},
		{"plain.small", [3]string{"127", "-128", "0"}, [3]any{int8(127), int8(-128), int8(0)}, func(c sample) any { return c.Plain.Small }},
		{"plain.port", [3]string{"65535", "0", "80"}, [3]any{uint16(65535), uint16(0), uint16(80)}, func(c sample) any { return c.Plain.Port }},
		{"plain.share", [3]string{"1e-3", "2", "-.5"}, [3]any{1e-3, 2.0, -.5}, func(c sample) any { return c.Plain.Share }},
		{"plain.wait_time", [3]string{"45s", "1m30s", "0"}, [3]any{45 * time.Second, 90 * time.Second, time.Duration(0)}, func(c sample) any { return c.Plain.Wait }},
		{"plain.password", [3]string{"0123", "p w", ""}, [3]any{"0123", "p w", ""}, func(c sample) any { return c.Plain.Password }},
		{"other.names", [3]string{"[a, 2]", "[::1]:9092, d", ""}, [3]any{[]string{"a", "2"}, []string{"[::1]:9092", "d"}, []string{}}, func(c sample) any { return c.Other.Names }},
		{"other.threshold", [3]string{"0.9", "none", "1"}, [3]any{ptr(0.9), (*float64)(nil), ptr(1)}, func(c sample) any { return c.Other.Threshold }},
		{"other.level", [3]string{"high", "low", "high"}, [3]any{level(2), level(1), level(2)}, func(c sample) any { return c.Other.Level }},
		{
			"other.items",
			[3]string{"[{name: a}, {name: b, max_age: 5m}]", "[{name: c, codes: {x: 1, y: 2.5}}]", "[]"},
			[3]any{[]item{{Name: "a"}, {Name: "b", Age: 5 * time.Minute}}, []item{{Name: "c", Codes: map[string]float64{"x": 1, "y": 2.5}}}, []item{}},
			func(c sample) any { return c.Other.Items },
		},
	} {
		t.Run(c.path, func(t *testing.T) {
			env := "MILLRACE_" + strings.ToUpper(strings.ReplaceAll(c.path, ".", "_"))
			flag := "--" + strings.NewReplacer(".", "-", "_", "-").Replace(c.path)
			file, environ := inFile(c.path, c.texts[0]), []string{"PATH=/bin", env + "=" + c.texts[1]}
			line := strings.Count(file, "\n")
			for _, step := range []struct {
				file          string
				environ, args []string
				want          any
				origin        string
			}{
				{"", nil, nil, c.field(defaults()), "default"},
				{file, nil, nil, c.want[0], fmt.Sprintf("millrace.yaml:%d", line)},
				{"", environ, nil, c.want[1], "environment " + env},
				{"", nil, []string{flag + "=" + c.texts[2]}, c.want[2], "flag " + flag},
				{file, environ, nil, c.want[1], "environment " + env},
				{file, nil, []string{flag + "=" + c.texts[2]}, c.want[2], "flag " + flag},
				{file, environ, []string{flag + "=" + c.texts[2]}, c.want[2], "flag " + flag},
			} {
				cfg, s, err := load(t, step.file, step.environ, step.args)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(step.want, c.field(cfg)); diff != "" {
					t.Errorf("file %q, environment %v, flags %v: (-want +got)\n%s", step.file, step.environ, step.args, diff)
				}
				if got := s.find(c.path).Origin; got != step.origin {
					t.Errorf("origin %q, want %q", got, step.origin)
				}
			}
		})
	}
}

func ptr(f float64) *float64 { return &f }

func TestEveryErrorIsOneClearLine(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		environ []string
		args    []string
		want    string
	}{
		"unknown key":              {"plain:\n  cuont: 3\n", nil, nil, `millrace.yaml:2:3: unknown key "plain.cuont", did you mean "plain.count"?`},
		"unknown top key":          {"nam: 3\n", nil, nil, `millrace.yaml:1:1: unknown key "nam", did you mean "name"?`},
		"map where a list belongs": {"other: {names: [{k1:9092}]}\n", nil, nil, `millrace.yaml:1:17: other.names: needs a list of texts, not a group of keys in it`},
		"brackets without end":     {"# ]]]\nname: " + strings.Repeat("[", 101) + "\n", nil, nil, `millrace.yaml: 101 brackets are open at once, the most is 100`},
		"unknown group":            {"name: a\nplian:\n  on: true\n", nil, nil, `millrace.yaml:2:1: unknown key "plian", did you mean "plain"?`},
		"key in the wrong group":   {"other:\n  wait_time: 3s\n", nil, nil, `millrace.yaml:2:3: unknown key "other.wait_time", did you mean "plain.wait_time"?`},
		"key without its group":    {"port: 80\n", nil, nil, `millrace.yaml:1:1: unknown key "port", did you mean "plain.port"?`},
		"dots in a key":            {"plain.on: true\n", nil, nil, `millrace.yaml:1:1: unknown key "plain.on": write groups as nested keys, not with dots`},
		"duplicate key":            {"plain:\n  on: true\n  count: 1\n  on: false\n", nil, nil, `millrace.yaml:4:3: duplicate key "on", first written on line 2`},
		"duplicate group":          {"plain: {on: true}\nname: x\nplain: {count: 1}\n", nil, nil, `millrace.yaml:3:1: duplicate key "plain", first written on line 1`},
		"duplicate key in an item": {"other:\n  items:\n    - name: a\n      name: b\n", nil, nil, `millrace.yaml:4:7: duplicate key "name", first written on line 3`},
		"group is a text":          {"plain: on\n", nil, nil, `millrace.yaml:1:8: plain is a group of settings, not "on"`},
		"group is a list":          {"plain:\n  - on\n", nil, nil, `millrace.yaml:2:3: plain is a group of settings, not a list`},
		"file is a list":           {"- name\n", nil, nil, `millrace.yaml:1:1: the file must hold keys and values, not a list`},
		"file is a text":           {"name\n", nil, nil, `millrace.yaml:1:1: the file must hold keys and values, not "name"`},
		"second document":          {"name: a\n---\nname: b\n", nil, nil, `millrace.yaml:3:1: a second document: a configuration is one`},
		"syntax":                   {"name: [a,\n", nil, nil, `millrace.yaml:1:7: not YAML: sequence end token ']' not found`},
		"tab":                      {"plain:\n\ton: true\n", nil, nil, `millrace.yaml:2:1: not YAML: found character ' ' that cannot start any token`},
		"anchor":                   {"name: &a b\n", nil, nil, `millrace.yaml:1:7: anchors and aliases are not read here: write the value out`},
		"tag":                      {"name: !!str b\n", nil, nil, `millrace.yaml:1:7: tags are not read here: write the value without one`},
		"merge key":                {"plain:\n  <<: {on: true}\n", nil, nil, `millrace.yaml:2:3: merge keys are not read here: write the values out`},
		"directive":                {"%YAML 1.2\n---\nname: b\n", nil, nil, `millrace.yaml:1:1: directives are not read here: remove the line`},
		"no value":                 {"plain:\n  count:\n", nil, nil, `millrace.yaml:2:3: plain.count has no value: give it one ("" for empty text) or remove the key`},
		"list for a number":        {"plain:\n  count: [1]\n", nil, nil, `millrace.yaml:2:10: plain.count: needs a whole number, not a list`},
		"group for a text":         {"name: {a: 1}\n", nil, nil, `millrace.yaml:1:7: name: needs text, not a group of keys`},
		"group in a list":          {"other:\n  names:\n    - a\n    - b: c\n", nil, nil, `millrace.yaml:4:7: other.names: needs a list of texts, not a group of keys in it`},
		"duration in the file":     {"plain:\n  wait_time: abc\n", nil, nil, `millrace.yaml:2:14: plain.wait_time: "abc" is not a duration such as 45s`},
		"bare number as duration":  {"plain:\n  wait_time: 45\n", nil, nil, `millrace.yaml:2:14: plain.wait_time: "45" is not a duration such as 45s`},
		"yes as bool":              {"plain:\n  on: yes\n", nil, nil, `millrace.yaml:2:7: plain.on: "yes" is neither true nor false`},
		"unknown key in an item":   {"other:\n  items:\n    - nmae: a\n", nil, nil, `millrace.yaml:3:7: other.items: unknown key "nmae", did you mean "name"?`},
		"wrong type in an item":    {"other:\n  items:\n    - codes: {a: b}\n", nil, nil, `millrace.yaml:3:18: other.items: "b" is not a number`},
		"text for items":           {"other:\n  items: a\n", nil, nil, `millrace.yaml:2:10: other.items: needs a list, not "a"`},

		"duration in the environment": {"", []string{"MILLRACE_PLAIN_WAIT_TIME=abc"}, nil, `plain.wait_time: "abc" is not a duration such as 45s (from environment MILLRACE_PLAIN_WAIT_TIME)`},
		"bool in the environment":     {"", []string{"MILLRACE_PLAIN_ON=on"}, nil, `plain.on: "on" is neither true nor false (from environment MILLRACE_PLAIN_ON)`},
		"empty number":                {"", []string{"MILLRACE_PLAIN_COUNT="}, nil, `plain.count: "" is not a whole number (from environment MILLRACE_PLAIN_COUNT)`},
		"octal-looking is decimal":    {"", []string{"MILLRACE_PLAIN_COUNT=0x10"}, nil, `plain.count: "0x10" is not a whole number (from environment MILLRACE_PLAIN_COUNT)`},
		"line break in a value":       {"", []string{"MILLRACE_PLAIN_COUNT=1\n2"}, nil, `plain.count: "1\n2" is not a whole number (from environment MILLRACE_PLAIN_COUNT)`},
		"range":                       {"", []string{"MILLRACE_PLAIN_SMALL=128"}, nil, `plain.small: "128" is out of range (from environment MILLRACE_PLAIN_SMALL)`},
		"negative for a uint":         {"", []string{"MILLRACE_PLAIN_PORT=-1"}, nil, `plain.port: "-1" is not a whole number (from environment MILLRACE_PLAIN_PORT)`},
		"number":                      {"", nil, []string{"--plain-share=half"}, `plain.share: "half" is not a number such as 0.5 (from flag --plain-share)`},
		"number or none":              {"", nil, []string{"--other-threshold=off"}, `other.threshold: "off" is not a number such as 0.5, nor none (from flag --other-threshold)`},
		"a type's own, named":         {"", nil, []string{"--other-level=top"}, `other.level: "top" is not known (from flag --other-level)`},
		"empty item":                  {"", nil, []string{"--other-names=a,,b"}, `other.names: "a,,b" has an empty item (from flag --other-names)`},
		"a type's own":                {"", nil, []string{"--other-level=mid"}, `other.level: "mid" is refused: know only low and high (from flag --other-level)`},
		"secret":                      {"", nil, []string{"--plain-pin=hunter2"}, `plain.pin: the value is not a whole number (from flag --plain-pin)`},
		"inline key":                  {"", []string{"MILLRACE_OTHER_ITEMS=[{nme: a}]"}, nil, `other.items: unknown key "nme", did you mean "name"? (from environment MILLRACE_OTHER_ITEMS)`},
		"inline syntax":               {"", []string{"MILLRACE_OTHER_ITEMS=[{"}, nil, `other.items: "[{" is not YAML: could not find flow mapping end token '}' (from environment MILLRACE_OTHER_ITEMS)`},
		"inline nothing":              {"", []string{"MILLRACE_OTHER_ITEMS="}, nil, `other.items: "" is not one YAML value (from environment MILLRACE_OTHER_ITEMS)`},

		"unknown variable":        {"", []string{"MILLRACE_PLAIN_CUONT=1"}, nil, `unknown environment variable MILLRACE_PLAIN_CUONT, did you mean MILLRACE_PLAIN_COUNT?`},
		"prefix of a variable":    {"", []string{"MILLRACE_PLAIN=1"}, nil, `unknown environment variable MILLRACE_PLAIN, did you mean MILLRACE_PLAIN_ON?`},
		"variable in small":       {"", []string{"MILLRACE_plain_count=1"}, nil, `unknown environment variable MILLRACE_plain_count, did you mean MILLRACE_PLAIN_COUNT?`},
		"a port is no service":    {"", []string{"MILLRACE_OTHER_PORT=80"}, nil, `unknown environment variable MILLRACE_OTHER_PORT, did you mean MILLRACE_OTHER_ITEMS?`},
		"unknown flag":            {"", nil, []string{"--plain.wait"}, `unknown flag --plain.wait, did you mean --plain-pin?`},
		"near flag":               {"", nil, []string{"--plain.waittime=3s"}, `unknown flag --plain.waittime, did you mean --plain-wait-time?`},
		"one dash":                {"", nil, []string{"-plain-count=3"}, `unknown flag -plain-count=3: flags are words after two dashes`},
		"flag without a value":    {"", nil, []string{"--plain.count"}, `flag --plain-count needs a value`},
		"no such file, flag":      {"", nil, []string{"--config", "gone.yaml"}, `configuration file "gone.yaml" does not exist (from flag --config)`},
		"no such file, variable":  {"", []string{"MILLRACE_CONFIG=gone.yaml"}, nil, `configuration file "gone.yaml" does not exist (from environment MILLRACE_CONFIG)`},
		"folder":                  {"", nil, []string{"--config", "/"}, `read the configuration file (from flag --config): / is not a regular file`},
		"a wrong file value wins": {"plain:\n  count: x\n", nil, []string{"--plain-count=3"}, `millrace.yaml:2:10: plain.count: "x" is not a whole number`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := load(t, c.file, c.environ, c.args)
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != c.want {
				t.Errorf("\ngot  %s\nwant %s", err, c.want)
			}
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func TestWhatIsAccepted(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		environ []string
		args    []string
		want    func(*sample)
	}{
		"nothing":                  {"\n# only a comment\n", nil, nil, func(*sample) {}},
		"document marks":           {"---\nname: x\n...\n", nil, nil, func(c *sample) { c.Name = "x" }},
		"group without keys":       {"plain:\n  # count: 3\nname: x\n", nil, nil, func(c *sample) { c.Name = "x" }},
		"quoted scalars":           {"plain: {on: \"true\", count: '3', wait_time: \"2s\"}\n", nil, nil, func(c *sample) { c.Plain.On, c.Plain.Count, c.Plain.Wait = true, 3, 2*time.Second }},
		"scalars as text":          {"name: 1.50\n", nil, nil, func(c *sample) { c.Name = "1.50" }},
		"block text":               {"name: |\n  a\n  b\n", nil, nil, func(c *sample) { c.Name = "a\nb\n" }},
		"windows line ends":        {"name: x\r\nplain:\r\n  count: 3\r\n", nil, nil, func(c *sample) { c.Name, c.Plain.Count = "x", 3 }},
		"list as text":             {"other:\n  names: a, b\n", nil, nil, func(c *sample) { c.Other.Names = []string{"a", "b"} }},
		"flag twice":               {"", nil, []string{"--plain-count=1", "--plain-count=2"}, func(c *sample) { c.Plain.Count = 2 }},
		"list flag twice":          {"", nil, []string{"--other-names=a", "--other-names", "b,c"}, func(c *sample) { c.Other.Names = []string{"a", "b", "c"} }},
		"bool flag alone":          {"", nil, []string{"--plain.on"}, func(c *sample) { c.Plain.On = true }},
		"dots":                     {"", nil, []string{"--plain.wait-time=2s"}, func(c *sample) { c.Plain.Wait = 2 * time.Second }},
		"underscores":              {"", nil, []string{"--plain.wait_time=2s"}, func(c *sample) { c.Plain.Wait = 2 * time.Second }},
		"dashes":                   {"", nil, []string{"--plain-wait-time", "2s"}, func(c *sample) { c.Plain.Wait = 2 * time.Second }},
		"value with =":             {"", []string{"MILLRACE_NAME=a=b"}, nil, func(c *sample) { c.Name = "a=b" }},
		"last variable wins":       {"", []string{"MILLRACE_NAME=a", "MILLRACE_NAME=b"}, nil, func(c *sample) { c.Name = "b" }},
		"others' and tests' names": {"", []string{"MILLRACER_X=1", "MILLRACE=1", "MILLRACE_TEST_KAFKA=x"}, nil, func(*sample) {}},
		"kubernetes service links": {"", []string{"MILLRACE_SERVICE_HOST=10.0.0.1", "MILLRACE_SERVICE_PORT=8000", "MILLRACE_SERVICE_PORT_HTTP=8000", "MILLRACE_PORT=tcp://10.0.0.1:8000", "MILLRACE_PORT_8000_TCP=tcp://10.0.0.1:8000", "MILLRACE_PORT_8000_TCP_PROTO=tcp", "MILLRACE_REDIS_PORT_6379_TCP_ADDR=10.0.0.2"}, nil, func(*sample) {}},
		"file's list replaces": {"other:\n  names: [z]\n  items: [{codes: {a: 1}}]\n", nil, nil, func(c *sample) {
			c.Other.Names, c.Other.Items = []string{"z"}, []item{{Codes: map[string]float64{"a": 1}}}
		}},
		"addresses in braces":       {"other: {names: [k1:9092, \"k2:9092\", k3]}\n", nil, nil, func(c *sample) { c.Other.Names = []string{"k1:9092", "k2:9092", "k3"} }},
		"infinities are numbers":    {"", []string{"MILLRACE_PLAIN_SHARE=inf"}, nil, func(c *sample) { c.Plain.Share = math.Inf(1) }},
		"empty variable names none": {"", []string{"MILLRACE_CONFIG="}, nil, func(*sample) {}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := load(t, c.file, c.environ, c.args)
			if err != nil {
				t.Fatal(err)
			}
			want := defaults()
			c.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestConfigFlagIsStrongerThanVariable(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.yaml")
	if err := os.WriteFile(other, []byte("name: variable\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := load(t, "name: flag\n", []string{"MILLRACE_CONFIG=" + other}, nil)
	if err != nil || cfg.Name != "flag" {
		t.Errorf("name %q, error %v", cfg.Name, err)
	}
	cfg, s, err := load(t, "", []string{"MILLRACE_CONFIG=" + other}, nil)
	if err != nil || cfg.Name != "variable" || s.find("name").Origin != other+":1" {
		t.Errorf("name %q, error %v", cfg.Name, err)
	}
}

func TestPrintReadsBackAndHidesSecrets(t *testing.T) {
	cfg, s, err := load(t, "name: \"yes\"\nother: {items: [{name: a b, codes: {x: 1, \"y z\": 0.5}, max_age: 1m}, {name: c}]}\n",
		[]string{"MILLRACE_PLAIN_PASSWORD=hunter2", "MILLRACE_PLAIN_PIN=4711", "MILLRACE_OTHER_THRESHOLD=none"}, []string{"--other-names=[::1]:9,b:1"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := s.Print(&out); err != nil {
		t.Fatal(err)
	}
	want := `name: "yes"                              # millrace.yaml:1
plain:
  on: false                              # default
  count: 7                               # default
  small: 0                               # default
  port: 0                                # default
  share: 0.25                            # default
  wait_time: 1s                          # default
  password: "********"                   # environment MILLRACE_PLAIN_PASSWORD
  pin: "********"                        # environment MILLRACE_PLAIN_PIN
other:
  names: ["[::1]:9", b:1]                # flag --other-names
  threshold: none                        # environment MILLRACE_OTHER_THRESHOLD
  level: low                             # default
  items:                                 # millrace.yaml:2
    - {name: a b, codes: {x: 1.0, y z: 0.5}, max_age: 1m0s}
    - {name: c}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	again, _, err := load(t, strings.NewReplacer(`pin: "********"`, "pin: 4711", "********", "hunter2").Replace(out.String()), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cfg, again); diff != "" {
		t.Errorf("read back: (-first +second)\n%s", diff)
	}
}

func TestBlame(t *testing.T) {
	_, s, err := load(t, "name: x\n", []string{"MILLRACE_PLAIN_COUNT=3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("plain.count: 3 is too many")
	blamed := s.Blame(cause)
	if want := "plain.count: 3 is too many (from environment MILLRACE_PLAIN_COUNT)"; blamed.Error() != want || !errors.Is(blamed, cause) {
		t.Errorf("got %q, want %q", blamed, want)
	}
	for in, want := range map[string]string{
		"name is empty":    "name is empty (from millrace.yaml:1)",
		"name":             "name",
		"names: odd":       "names: odd",
		"plain.on: odd":    "plain.on: odd",
		"plain: odd":       "plain: odd",
		"something else":   "something else",
		"plain.count.x: y": "plain.count.x: y",
	} {
		if got := s.Blame(errors.New(in)).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if s.Blame(nil) != nil {
		t.Error("nil became an error")
	}
}

func TestMistakesInTheStruct(t *testing.T) {
	var nothing *sample
	for want, target := range map[string]any{
		"settings of settings.sample: need a pointer to a struct":        sample{},
		"settings of *settings.sample: need a pointer to a struct":       nothing,
		"settings: field Name of struct { Name string } has no yaml key": &struct{ Name string }{},
	} {
		if _, err := Of("millrace", target); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	var config struct {
		Config string `yaml:"config"`
	}
	var test struct {
		Test struct {
			Kafka string `yaml:"kafka"`
		} `yaml:"test"`
	}
	var clash struct {
		AB struct {
			C string `yaml:"c"`
		} `yaml:"a_b"`
		A struct {
			BC string `yaml:"b_c"`
		} `yaml:"a"`
	}
	for _, c := range []struct {
		target any
		want   string
	}{
		{&config, "settings: the configuration file and config share the name MILLRACE_CONFIG"},
		{&test, "settings: test.kafka: names that begin with test are kept for tests"},
		{&clash, "settings: a_b.c and a.b_c share the name MILLRACE_A_B_C"},
	} {
		if _, err := Of("millrace", c.target); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestHelpShowsDefaultsButNoSecret(t *testing.T) {
	cfg := defaults()
	cfg.Plain.Password = "hunter2"
	s, err := Of("millrace", &cfg)
	if err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s.RegisterFlags(flags)
	help := flags.FlagUsages()
	for _, want := range []string{"--name text ", "a text (default standing)", "--plain-wait-time duration", "(default 1s)", "--config text", "MILLRACE_CONFIG"} {
		if !strings.Contains(help, want) {
			t.Errorf("help lacks %q:\n%s", want, help)
		}
	}
	if strings.Contains(help, "hunter2") {
		t.Errorf("help shows a secret:\n%s", help)
	}
}

// FuzzFile holds that no file, however broken, ends in anything but a configuration or one line.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{"", "name: x\n", "plain: {on: true, count: [1]}\n", "other:\n  items:\n  - name: a\n", "a: &x\n  <<: *x\n", "? [a]\n: b\n", "\"name\": 'x'\n", "name: |\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := defaults()
		s, err := Of("millrace", &cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.loadYAML("millrace.yaml", data); err != nil && strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("more than one line: %q", err)
		}
	})
}
