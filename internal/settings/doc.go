// Package settings fills one nested configuration struct from a file, the environment and flags, and remembers
// where each value came from.
//
// It owns the names and the precedence. A field that is reached by the yaml keys kafka and session_timeout is
// one setting with three names: the file key kafka.session_timeout, the environment variable
// MILLRACE_KAFKA_SESSION_TIMEOUT and the flag --kafka-session-timeout. A flag is stronger than the environment,
// the environment stronger than the file, the file stronger than what the struct held before.
//
// The struct says everything else by its tags: yaml (the key; every exported field needs one), doc (one phrase
// of help) and secret:"true" (the value is never printed, in an error neither; a key with the word password in it needs no tag).
//
// What a value may be: text, true or false, whole numbers, numbers, durations (45s), lists of
// text (comma separated outside a file), a pointer to one of the plain kinds ("none" is nil), a type with
// UnmarshalText, and anything else as YAML, inline outside a file.
//
// It refuses to guess. An unknown key, flag or environment variable with the program's prefix, a key written
// twice, a key without a value and a value of the wrong type are errors of one line that name the place and the
// nearest thing that exists. YAML anchors, aliases and tags are refused too: a configuration should read as it is.
// It judges no value beyond its type; that is the business of whoever owns the struct.
package settings
