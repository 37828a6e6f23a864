package telemetry

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
)

// pageHTML is the ops page, whole: its style and script are in it.
//
//go:embed page.html
var pageHTML string

// page serves the ops page. Its policy allows by hash the one style and the one script that are in the file, and
// connections to this server; everything else, also what a script in a model's name would try, is refused.
func page() http.HandlerFunc {
	policy := "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'none'; style-src " + hashOf(pageHTML, "style") + "; script-src " + hashOf(pageHTML, "script")
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(pageHTML))
	}
}

// hashOf is the policy's source expression for the one element of the name in the page
// (w3.org/TR/CSP3/#grammardef-hash-source).
func hashOf(html, element string) string {
	_, body, _ := strings.Cut(html, "<"+element+">")
	body, _, _ = strings.Cut(body, "</"+element+">")
	sum := sha256.Sum256([]byte(body))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
