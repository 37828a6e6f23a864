package settings

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Setting is one value of the configuration: one leaf of the struct.
type Setting struct {
	Path   string // The key in a file, groups separated by dots: kafka.session_timeout.
	Env    string // The environment variable: MILLRACE_KAFKA_SESSION_TIMEOUT.
	Flag   string // The flag without its dashes: kafka-session-timeout.
	Doc    string // One phrase of help; may be empty.
	Secret bool   // Whether the value must never be shown.
	Origin string // Where the value came from: default, file:line, environment NAME or flag --name.

	value reflect.Value // The field itself, settable.
	form  form
}

// form is how the text of a setting is read.
type form uint8

const (
	formText form = iota
	formBool
	formInt
	formFloat
	formDuration
	formList
	formOwn  // The type has UnmarshalText.
	formYAML // Anything else.
)

// Settings are all settings of one struct, in the order of its fields. They write into the struct they were made of.
// They are not safe for concurrent use.
type Settings struct {
	prefix string // What environment variables begin with: MILLRACE_.
	all    []*Setting
	groups []string // The paths of the nested structs.
}

// Default is the [Setting.Origin] of a value that nobody set.
const Default = "default"

// Of lists the settings of target, a pointer to a struct that holds the defaults. The program's name, in capitals,
// begins every environment variable. An error is a mistake in the struct: a field without a yaml key, a name that
// two settings share, or one of the names kept for this package (config, and everything that begins with test).
func Of(program string, target any) (*Settings, error) {
	v := reflect.ValueOf(target)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("settings of %T: need a pointer to a struct", target)
	}
	s := &Settings{prefix: strings.ToUpper(program) + "_"}
	if err := s.walk(v.Elem(), ""); err != nil {
		return nil, err
	}
	owner := map[string]string{s.prefix + "CONFIG": "the configuration file"}
	for _, one := range s.all {
		if other, taken := owner[one.Env]; taken {
			return nil, fmt.Errorf("settings: %s and %s share the name %s", other, one.Path, one.Env)
		}
		if s.reserved(one.Env) {
			return nil, fmt.Errorf("settings: %s: names that begin with test are kept for tests", one.Path)
		}
		owner[one.Env] = one.Path
	}
	return s, nil
}

// walk adds the settings below one struct, whose own path is group (empty at the root).
func (s *Settings) walk(v reflect.Value, group string) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if !field.IsExported() || key == "-" {
			continue
		}
		if key == "" {
			return fmt.Errorf("settings: field %s of %s has no yaml key", field.Name, v.Type())
		}
		path := key
		if group != "" {
			path = group + "." + key
		}
		f := formOf(field.Type)
		if f == formYAML && field.Type.Kind() == reflect.Struct {
			s.groups = append(s.groups, path)
			if err := s.walk(v.Field(i), path); err != nil {
				return err
			}
			continue
		}
		s.all = append(s.all, &Setting{
			Path:   path,
			Env:    s.prefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_")),
			Flag:   flagName(path),
			Doc:    field.Tag.Get("doc"),
			Secret: field.Tag.Get("secret") == "true" || strings.Contains(key, "password"),
			Origin: Default,
			value:  v.Field(i),
			form:   f,
		})
	}
	return nil
}

// formOf says how values of the type are read. A struct that does not read itself is formYAML here, and a group to
// its caller.
func formOf(t reflect.Type) form {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return formOwn
	case t == reflect.TypeFor[time.Duration]():
		return formDuration
	case t.Kind() == reflect.String:
		return formText
	case t.Kind() == reflect.Bool:
		return formBool
	case reflect.Int <= t.Kind() && t.Kind() <= reflect.Uint64:
		return formInt
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return formFloat
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return formList
	}
	return formYAML
}

// String is the word for the form in help texts.
func (f form) String() string {
	return [...]string{"text", "bool", "int", "number", "duration", "list", "text", "yaml"}[f]
}

// All are the settings as they are now, in the order of the struct's fields.
func (s *Settings) All() []Setting {
	all := make([]Setting, len(s.all))
	for i, one := range s.all {
		all[i] = *one
	}
	return all
}

// find is the setting at a path, or nil.
func (s *Settings) find(path string) *Setting {
	for _, one := range s.all {
		if one.Path == path {
			return one
		}
	}
	return nil
}

// Blame adds to an error about a value where that value came from, if somebody set it. It knows the value by the
// convention that such an error begins with the setting's path, as in "kafka.start: …" or "kafka.group is empty".
// Nil stays nil.
func (s *Settings) Blame(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	end := strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '.'
	})
	one := s.find(text[:max(end, 0)])
	if one == nil || one.Origin == Default {
		return err
	}
	return fmt.Errorf("%w (from %s)", err, one.Origin)
}
