// Package telemetry is what operators see: the log, the metrics of predictions, health, and the ops page.
//
// It owns the HTTP server with /metrics, /healthz, /readyz, /status and the page at /, the text format of the
// metrics, and the seed's three series. Other rooms do not import it: they are handed a *metrics.Set and a
// *slog.Logger, and main tells the server what to show through the checks and the status function.
//
// What holds, each with a test:
//
//   - A taken port is an error when the server is made, in one line with the mend, not later.
//   - /healthz answers 200 for as long as the process serves; /readyz answers 200 only when every check is content,
//     else 503 with each reason by name.
//   - The page needs nothing from elsewhere, and its content security policy lets it load nothing else; what comes
//     from Kafka, such as a model's version, is shown as text and never as markup.
//   - The server only reads: GET and HEAD, small headers, timeouts on every side. It stops within two seconds.
//
// It refuses to hold process-wide state: no default registry, no global logger, no metadata switch of the metrics
// library (which is one for the process); the HELP and TYPE lines are written here.
//
// Spans have their place here too: the exporter and the sampling decision come with the tracing work.
package telemetry
