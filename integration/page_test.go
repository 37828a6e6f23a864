//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The ops page in a real browser: it shows the live model and the count of predictions, and asks nobody but the
// service for anything.
func TestPageInABrowser(t *testing.T) {
	s := newScene(t, 4, "json")
	v := s.serve("one").ready()
	s.send(s.events(876)...)
	eventually(t, "the events are scored", func() bool { return v.predictions() == 876 })

	dir := t.TempDir()
	netLog, picture := filepath.Join(dir, "net.json"), filepath.Join(dir, "page.png")
	dom := browse(t, "--dump-dom", "--log-net-log="+netLog, "--user-data-dir="+filepath.Join(dir, "one"), v.page+"/")
	if shown := textOf(dom, "total", "</dd>"); shown != "876" {
		t.Errorf("the page shows %q predictions, want 876", shown)
	}
	if shown := textOf(dom, "model", "</section>"); !strings.Contains(shown, "fraud_model_v2") {
		t.Errorf("the page shows the model %q", shown)
	}
	asked := requests(t, netLog, v.page)
	for _, url := range asked {
		if !strings.HasPrefix(url, v.page+"/") {
			t.Errorf("the page asks for %s", url)
		}
	}
	if len(asked) < 2 { // Itself and its facts.
		t.Errorf("the browser's log has the requests %q, which cannot be all", asked)
	}

	browse(t, "--screenshot="+picture, "--window-size=1400,900", "--user-data-dir="+filepath.Join(dir, "two"), v.page+"/")
	if file, err := os.Stat(picture); err != nil || file.Size() < 10_000 {
		t.Errorf("the page's picture: %v, %v", file, err)
	}
}

// browse runs the browser once and returns what it prints.
func browse(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--virtual-time-budget=4000",
	}, args...)
	chromium := exec.CommandContext(ctx, shared.tools.chromium, args...)
	chromium.SysProcAttr = endsWithUs()
	var stderr output
	chromium.Stderr = &stderr
	out, err := chromium.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, last(stderr.bytes(), 4000))
	}
	return string(out)
}

var tag = regexp.MustCompile(`<[^>]*>`)

// textOf is the text behind the opening tag with an id, up to a closing tag.
func textOf(dom, id, end string) string {
	_, rest, found := strings.Cut(dom, ` id="`+id+`"`)
	if !found {
		return ""
	}
	_, rest, _ = strings.Cut(rest, ">")
	rest, _, _ = strings.Cut(rest, end)
	return strings.TrimSpace(html.UnescapeString(tag.ReplaceAllString(rest, " ")))
}

// requests lists what a page has asked for, itself included: the browser's own errands have another initiator.
func requests(t *testing.T, netLog, page string) []string {
	t.Helper()
	data, err := os.ReadFile(netLog)
	if err != nil {
		t.Fatal(err)
	}
	var log struct {
		Events []struct {
			Params struct {
				URL       string `json:"url"`
				Initiator string `json:"initiator"`
			} `json:"params"`
		} `json:"events"`
	}
	if err := json.Unmarshal(data, &log); err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, event := range log.Events {
		if p := event.Params; p.URL == page+"/" || p.URL != "" && p.Initiator == page {
			urls = append(urls, p.URL)
		}
	}
	return urls
}
