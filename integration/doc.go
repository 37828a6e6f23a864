// Package integration runs the service as its users do: the built binary as a process, configured by its environment,
// against a real Kafka broker, a real redis-server and, for the ops page, a real browser.
//
// It owns these processes: it starts each on free loopback ports with its data in a temporary folder, and ends each
// by its own id, also when a test fails or panics. Its tests are behind the build tag integration; `.ci/run` installs
// what they need and runs them. What is missing fails the suite in one line; nothing is skipped.
//
// It refuses to judge the service by the service's own word. What is lost, doubled or out of order is found by reading
// the input, output and dead-letter topics and comparing them record by record, and a score is right when it is the
// one that LightGBM itself predicts for the row that the model a prediction names had to see.
package integration
