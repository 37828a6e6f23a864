package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"millrace/internal/settings"
)

// TestDefaultConfiguration is the whole configuration as `millrace config` prints it when nothing is set: every key,
// and every default.
func TestDefaultConfiguration(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	_, sources, err := loadConfig(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := sources.Print(&out); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(out.String()) {
		line, origin, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "# ")
		if origin != "" && origin != settings.Default {
			t.Errorf("%s comes from %s", line, origin)
		}
		line = strings.ReplaceAll(line, `default: "0"`, "default: 0") // How a number is quoted is the room's business.
		got.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	want := `instance: ` + host + `-8000
log:
  level: info
  format: text
http:
  addr: ":8000"
kafka:
  brokers: [localhost:9092]
  group: fraud-inference
  input: transactions
  output: fraud-predictions
  dead_letters: fraud-predictions-dead-letters
  deployments: model-deployments
  status: model-deployments-status
  feature_log: ""
  start: latest
  delivery: at-least-once
  connect_timeout: 10s
  session_timeout: 45s
  rebalance_timeout: 1m0s
  static_member: false
  max_batch: 512
  queue_records: 10000
  compression: snappy
  linger: 1ms
  tls:
    enabled: false
    ca: ""
    cert: ""
    key: ""
    server_name: ""
    insecure_skip_verify: false
  sasl:
    mechanism: ""
    username: ""
    password: ""
redis:
  addrs: [localhost:6379]
  username: ""
  password: ""
  db: 0
  tls:
    enabled: false
    ca: ""
    cert: ""
    key: ""
    server_name: ""
    insecure_skip_verify: false
features:
  key_prefix: "features:"
  layout: json
  cache_bytes: 134217728
  cache_ttl: 1m0s
  max_stale: 5m0s
  timeout: 50ms
  policy: degrade
event:
  id: transaction_id
  key: user_id
output:
  threshold: 0.5
  class: -1
  copy: []
  fields:
    id: transaction_id
    key: user_id
    score: fraud_probability
    decision: is_fraud
    version: model_version
    latency: latency_ms
model:
  path: ""
  name: fraud
  roots: []
  engine: compiled
  contract:
    - {name: amount, source: event}
    - {name: merchant_category, source: event}
    - {name: tx_count_1h, source: store, default: 0}
    - {name: avg_amount_1h, source: store, default: 0}
    - {name: unique_merchants_1h, source: store, default: 0}
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	// What is printed is a file that says the same.
	file := filepath.Join(t.TempDir(), "printed.yaml")
	if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	first, _, _ := loadConfig(nil, nil)
	again, _, err := loadConfig(nil, []string{"MILLRACE_CONFIG=" + file})
	if err != nil {
		t.Fatal(err)
	}
	first.Output.Copy, first.Model.Roots = []string{}, []string{} // An empty list in a file is one.
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("read back: (-first +again)\n%s", diff)
	}
}

// TestEverySettingFromEverySource walks the whole configuration, and sets each key by each set of sources. The texts
// are the first that the setting takes for its type; what a value means is not asked here.
func TestEverySettingFromEverySource(t *testing.T) {
	cfg := defaultConfig()
	all, err := settings.Of("millrace", &cfg)
	if err != nil {
		t.Fatal(err)
	}
	contract := func(name string) string { return "[{name: " + name + ", source: event, type: number}]" }
	kinds := [][3]string{
		{"11", "12", "13"}, {"11s", "12s", "13s"}, {"true", "false", "true"}, {contract("a"), contract("b"), contract("c")},
	}
	if n := len(all.All()); n < 60 {
		t.Fatalf("only %d settings", n)
	}
	file := filepath.Join(t.TempDir(), "millrace.yaml")
	for _, setting := range all.All() {
		var texts *[3]string
		for i := range kinds {
			if _, _, err := loadOne(setting, "", kinds[i][0], ""); err == nil {
				texts = &kinds[i]
				break
			}
		}
		if texts == nil {
			t.Errorf("%s takes none of the values tried", setting.Path)
			continue
		}
		writeSetting(t, file, setting.Path, texts[0])
		for sources := range 8 {
			var inFile, env, flag string
			text, origin := setting.String(), settings.Default
			if sources&1 != 0 {
				inFile, text = file, texts[0]
				origin = fmt.Sprintf("%s:%d", file, 1+strings.Count(setting.Path, "."))
			}
			if sources&2 != 0 {
				env, text, origin = texts[1], texts[1], "environment "+setting.Env
			}
			if sources&4 != 0 {
				flag, text, origin = texts[2], texts[2], "flag --"+setting.Flag
			}
			got, gotOrigin, err := loadOne(setting, inFile, env, flag)
			if err != nil {
				t.Errorf("%s: %v", setting.Path, err)
				continue
			}
			if plain(got) != plain(text) || gotOrigin != origin {
				t.Errorf("%s: %s from %s, want %s from %s", setting.Path, got, gotOrigin, text, origin)
			}
		}
	}
}

// loadOne loads the configuration with one setting given by the sources whose text is not empty, and reads that
// setting back.
func loadOne(setting settings.Setting, file, env, flag string) (value, origin string, err error) {
	cfg := defaultConfig()
	all, err := settings.Of("millrace", &cfg)
	if err != nil {
		return "", "", err
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	all.RegisterFlags(flags)
	var args, environ []string
	if file != "" {
		args = append(args, "--config", file)
	}
	if env != "" {
		environ = append(environ, setting.Env+"="+env)
	}
	if flag != "" {
		args = append(args, "--"+setting.Path+"="+flag) // With its dots, as a user may write it.
	}
	if err := flags.Parse(args); err != nil {
		return "", "", err
	}
	if err := all.Load(flags, environ); err != nil {
		return "", "", err
	}
	for _, one := range all.All() {
		if one.Path == setting.Path {
			if one.Secret && one.String() == `"********"` {
				return secretOf(cfg, one.Path), one.Origin, nil
			}
			return one.String(), one.Origin, nil
		}
	}
	return "", "", fmt.Errorf("no setting %s", setting.Path)
}

// secretOf reads what no setting shows.
func secretOf(cfg Config, path string) string {
	return map[string]string{
		"kafka.sasl.password": cfg.Kafka.SASL.Password, "redis.password": cfg.Redis.Password,
	}[path]
}

// plain takes away what the printed form adds: quotes, and the brackets of a list.
func plain(text string) string { return strings.Trim(text, `"[]`) }

// writeSetting makes a file of one setting.
func writeSetting(t *testing.T, file, path, value string) {
	t.Helper()
	keys := strings.Split(path, ".")
	var b strings.Builder
	for depth, key := range keys {
		fmt.Fprintf(&b, "%s%s:", strings.Repeat("  ", depth), key)
		if depth < len(keys)-1 {
			b.WriteString("\n")
		}
	}
	if err := os.WriteFile(file, []byte(b.String()+" "+value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestConfigurationErrors holds every error a wrong configuration may end in to one line with the setting, the value,
// the mend and the source.
func TestConfigurationErrors(t *testing.T) {
	for _, c := range []struct {
		args string // Flags, separated by blanks; a _ in a value stands for a blank.
		want string
	}{
		{"--log.level=loud", `log.level: "loud" is not one of debug, info, warn, error (from flag --log-level)`},
		{"--log.format=xml", `log.format: "xml" is neither text nor json (from flag --log-format)`},
		{"--http.addr=8000", `http.addr: "8000" is not host:port, such as :8000 (from flag --http-addr)`},
		{"--http.addr=8000 --instance=a", `http.addr: "8000" is not host:port, such as :8000 (from flag --http-addr)`},
		{"--instance=a_b", `instance: "a b" has blanks in it: use letters, digits, dots and dashes (from flag --instance)`},
		{"--kafka.brokers=", `kafka.brokers is empty: name at least one broker as host:port (from flag --kafka-brokers)`},
		{"--kafka.brokers=a:1,b", `kafka.brokers: "b" is not host:port (from flag --kafka-brokers)`},
		{"--kafka.start=lastest", `kafka.start: "lastest" is not one of latest, earliest (from flag --kafka-start)`},
		{"--kafka.delivery=exactly-once", `kafka.delivery: exactly-once is not available yet: use at-least-once (from flag --kafka-delivery)`},
		{"--kafka.feature-log=x", `kafka.feature_log: the log of served features is not available yet: leave it empty (from flag --kafka-feature-log)`},
		{"--kafka.output=transactions", `kafka.output: topic "transactions" is already kafka.input: give each its own (from flag --kafka-output)`},
		{"--kafka.session-timeout=-1s", `kafka.session_timeout: -1s is too short, the least is 1s (from flag --kafka-session-timeout)`},
		{"--kafka.sasl.mechanism=gssapi", `kafka.sasl.mechanism: "gssapi" is not one of plain, scram-sha-256, scram-sha-512 (from flag --kafka-sasl-mechanism)`},
		{"--kafka.sasl.mechanism=plain", `kafka.sasl.username is empty: plain needs one`},
		{"--kafka.tls.enabled --kafka.tls.ca=/gone.pem", `kafka.tls.ca: open /gone.pem: no such file or directory (from flag --kafka-tls-ca)`},
		{"--redis.addrs=a", `redis.addrs: "a" is not host:port (from flag --redis-addrs)`},
		{"--redis.tls.enabled --redis.tls.ca=/gone.pem", `redis.tls.ca: open /gone.pem: no such file or directory (from flag --redis-tls-ca)`},
		{"--features.cache-bytes=many", `features.cache_bytes: "many" is no amount of memory: want one such as 128MiB (from flag --features-cache-bytes)`},
		{"--features.policy=wait", `features.policy "wait": not available yet, use "degrade" (from flag --features-policy)`},
		{"--features.timeout=0", `features.timeout 0s: want more than 0 (from flag --features-timeout)`},
		{"--event.key=", `event.key is empty: name the field (from flag --event-key)`},
		{"--output.fields.score=", `output.fields.score is empty: name the field (from flag --output-fields-score)`},
		{"--output.fields.score=user_id", `output.fields.score: "user_id" is already the field of output.fields.key: give each its own (from flag --output-fields-score)`},
		{"--output.copy=amount,features", `output.copy: "features" is already the field of the degraded features: give each its own (from flag --output-copy)`},
		{"--output.threshold=nan", `output.threshold: NaN is not finite: give a number, or none (from flag --output-threshold)`},
		{"--output.threshold=-inf", `output.threshold: -Inf is not finite: give a number, or none (from flag --output-threshold)`},
		{"--output.class=-2", `output.class: -2 is no class: give one from 0 up, or -1 for all (from flag --output-class)`},
		{"--model.name=", `model.name is empty: name the model that this instance serves (from flag --model-name)`},
		{"--model.engine=gpu", `model.engine: "gpu" is not known: use one of compiled, leaves, naive (from flag --model-engine)`},
		{"--model.contract=[]", `model.contract: it lists no features (from flag --model-contract)`},
		{"--model.contract=[{nmae:_a}]", `model.contract: unknown key "nmae", did you mean "name"? (from flag --model-contract)`},
		{"--kafka.broker=a:1", `unknown flag --kafka.broker, did you mean --kafka-brokers?`},
	} {
		err := runConfig(strings.Fields(c.args), nil)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\ngot  %v\nwant %s", c.args, err, c.want)
		}
	}
	for _, c := range []struct{ variable, want string }{
		{"MILLRACE_KAFKA_BROKER=a:1", `unknown environment variable MILLRACE_KAFKA_BROKER, did you mean MILLRACE_KAFKA_BROKERS?`},
		{"MILLRACE_KAFKA_START=first", `kafka.start: "first" is not one of latest, earliest (from environment MILLRACE_KAFKA_START)`},
		{"MILLRACE_KAFKA_SESSION_TIMEOUT=abc", `kafka.session_timeout: "abc" is not a duration such as 45s (from environment MILLRACE_KAFKA_SESSION_TIMEOUT)`},
	} {
		if err := runConfig(nil, []string{c.variable}); err == nil || err.Error() != c.want {
			t.Errorf("%s\ngot  %v\nwant %s", c.variable, err, c.want)
		}
	}
}

// runConfig runs `millrace config` and gives its error, which is to be one line.
func runConfig(args, environ []string) error {
	for i := range args {
		if name, value, ok := strings.Cut(args[i], "="); ok && !strings.Contains(value, "user_id") {
			args[i] = name + "=" + strings.ReplaceAll(value, "_", " ")
		}
	}
	cmd := configCommand(environ)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetOut(new(strings.Builder))
	cmd.SetArgs(args)
	err := cmd.Execute()
	if err != nil && strings.ContainsAny(err.Error(), "\n\r") {
		return fmt.Errorf("more than one line: %w", err)
	}
	return err
}

// TestConfigCommand is the way a user meets it: the file, a variable and a flag together, and no secret on the screen.
func TestConfigCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	file := "kafka:\n  brokers: [file:9092]\n  group: file\n  sasl: {mechanism: plain, username: u, password: hunter2}\nredis: {password: hunter3}\n"
	if err := os.WriteFile("millrace.yaml", []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := configCommand([]string{"MILLRACE_KAFKA_GROUP=variable", "MILLRACE_KAFKA_INPUT=in", "HOME=/"})
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--config=millrace.yaml", "--kafka_input", "flag", "--instance=i"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		if before, origin, ok := strings.Cut(line, "#"); ok && origin != " default\n" {
			got = append(got, strings.TrimSpace(before)+" #"+strings.TrimSpace(origin))
		}
	}
	want := []string{
		"instance: i #flag --instance",
		"brokers: [file:9092] #millrace.yaml:2",
		"group: variable #environment MILLRACE_KAFKA_GROUP",
		"input: flag #flag --kafka-input",
		"mechanism: plain #millrace.yaml:4",
		"username: u #millrace.yaml:4",
		`password: "********" #millrace.yaml:4`,
		`password: "********" #millrace.yaml:5`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestHelpListsEverySetting holds that a command with settings explains each of them.
func TestHelpListsEverySetting(t *testing.T) {
	cmd := &cobra.Command{Use: "x"}
	configFlags(cmd, nil)
	cfg := defaultConfig()
	all, err := settings.Of("millrace", &cfg)
	if err != nil {
		t.Fatal(err)
	}
	help := cmd.Flags().FlagUsages()
	for _, setting := range all.All() {
		if !strings.Contains(help, "--"+setting.Flag+" ") {
			t.Errorf("help lacks --%s", setting.Flag)
		}
	}
}
