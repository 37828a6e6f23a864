//go:build integration

package integration

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The feature store's own tests hold on the real server too.
func TestFeatureStoreConforms(t *testing.T) {
	conform := exec.Command("go", "test", "-count=1", "-v", "-run", "^TestStoreOnRealRedis$", "millrace/features")
	conform.Dir, conform.Env = shared.root, append(os.Environ(), "MILLRACE_TEST_REDIS="+shared.redis.addr)
	out, err := conform.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestStoreOnRealRedis") {
		t.Errorf("%v\n%s", err, last(out, 8000))
	}
}
