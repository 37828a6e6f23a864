//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// tools are the programs that the suite starts besides the service.
type tools struct {
	java, redis, python, chromium string
	kafkaLibs                     string // folder with the broker's jars
}

// findTools finds them all, or says in one line which is missing and what to do.
func findTools() (t tools, err error) {
	for _, want := range []struct {
		path         *string
		name, remedy string
	}{
		{&t.java, "java", "install a Java runtime, 17 or newer"},
		{&t.redis, "redis-server", "install redis-server"},
		{&t.chromium, "chromium", "install chromium"},
	} {
		if *want.path, err = exec.LookPath(want.name); err != nil {
			return t, fmt.Errorf("%s is not on the PATH: %s, or run .ci/run, which does", want.name, want.remedy)
		}
	}
	t.python = os.Getenv("MILLRACE_TEST_PYTHON")
	if t.python == "" {
		return t, fmt.Errorf("MILLRACE_TEST_PYTHON is not set: name a python that imports lightgbm and numpy, or run .ci/run, which makes one")
	}
	if out, err := exec.Command(t.python, "-c", "import lightgbm, numpy").CombinedOutput(); err != nil {
		return t, fmt.Errorf("MILLRACE_TEST_PYTHON=%s does not import lightgbm and numpy (%w, %q): install them, or run .ci/run, which does", t.python, err, last(out, 200))
	}
	t.kafkaLibs = os.Getenv("MILLRACE_TEST_KAFKA_LIBS")
	if t.kafkaLibs == "" {
		return t, fmt.Errorf("MILLRACE_TEST_KAFKA_LIBS is not set: name the folder with the jars of integration/kafka/pom.xml, or run .ci/run, which collects them")
	}
	if jars, err := filepath.Glob(filepath.Join(t.kafkaLibs, "kafka_*.jar")); err != nil || len(jars) == 0 {
		return t, fmt.Errorf("MILLRACE_TEST_KAFKA_LIBS=%s holds no kafka_*.jar: collect the jars of integration/kafka/pom.xml there, or run .ci/run, which does", t.kafkaLibs)
	}
	return t, nil
}

// last is the end of a long text.
func last(text []byte, n int) string {
	if len(text) > n {
		text = text[len(text)-n:]
	}
	return string(text)
}
