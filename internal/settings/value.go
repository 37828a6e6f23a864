package settings

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// none is the word for a nil pointer: a setting that is switched off.
const none = "none"

// mask stands for a secret wherever a value is shown.
const mask = "********"

// setText reads the text into the setting's field. On an error, which says what the value should have been and
// begins with the value, the field keeps what it held.
func (o *Setting) setText(text string) error {
	t := o.value.Type()
	fresh := reflect.New(t).Elem()
	target := fresh
	if t.Kind() == reflect.Pointer {
		if text == none {
			o.value.SetZero()
			return nil
		}
		fresh.Set(reflect.New(t.Elem()))
		target = fresh.Elem()
	}
	if err := o.parse(target, text); err != nil {
		return err
	}
	o.value.Set(fresh)
	return nil
}

// parse reads the text into v, a value of the setting's type or of what that points to.
func (o *Setting) parse(v reflect.Value, text string) error {
	switch o.form {
	case formText:
		v.SetString(text)
	case formBool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return o.wrong(text, "is neither true nor false")
		}
		v.SetBool(b)
	case formInt:
		return o.parseInt(v, text)
	case formFloat:
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			return o.wrong(text, "is not a number such as 0.5"+o.orNone())
		}
		v.SetFloat(f)
	case formDuration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return o.wrong(text, "is not a duration such as 45s"+o.orNone())
		}
		v.SetInt(int64(d))
	case formList:
		return o.parseList(v, text)
	case formOwn:
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			reason := oneLine(err.Error())
			if strings.Contains(reason, strconv.Quote(text)) && !o.Secret {
				return errors.New(reason) // It names the value itself.
			}
			return o.wrong(text, "is refused: "+reason)
		}
	case formYAML:
		return o.parseYAML(v, text)
	}
	return nil
}

// parseInt reads decimal digits into a whole number of any width.
func (o *Setting) parseInt(v reflect.Value, text string) error {
	var err error
	if v.CanInt() {
		var n int64
		if n, err = strconv.ParseInt(text, 10, v.Type().Bits()); err == nil {
			v.SetInt(n)
		}
	} else {
		var n uint64
		if n, err = strconv.ParseUint(text, 10, v.Type().Bits()); err == nil {
			v.SetUint(n)
		}
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return o.wrong(text, "is out of range")
	case err != nil:
		return o.wrong(text, "is not a whole number"+o.orNone())
	}
	return nil
}

// parseList splits at commas. Nothing at all is the empty list; an empty item among others is a slip.
func (o *Setting) parseList(v reflect.Value, text string) error {
	var items []string
	if strings.TrimSpace(text) != "" {
		items = strings.Split(text, ",")
	}
	return o.fillList(v, text, items)
}

// fillList makes v the list of the items, without the blanks around them.
func (o *Setting) fillList(v reflect.Value, text string, items []string) error {
	list := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if item = strings.TrimSpace(item); item == "" {
			return o.wrong(text, "has an empty item")
		}
		list.Index(i).SetString(item)
	}
	v.Set(list)
	return nil
}

// parseYAML reads inline YAML, as the environment and flags give it.
func (o *Setting) parseYAML(v reflect.Value, text string) error {
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		_, reason := explain(err, v.Type())
		return o.wrong(text, "is not YAML: "+reason)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return o.wrong(text, "is not one YAML value")
	}
	if err := yaml.NodeToValue(file.Docs[0].Body, v.Addr().Interface(), yaml.Strict()); err != nil {
		_, reason := explain(err, v.Type())
		return errors.New(reason)
	}
	return nil
}

// wrong is the error about a value; a secret is not shown in it.
func (o *Setting) wrong(text, reason string) error {
	if o.Secret {
		return fmt.Errorf("the value %s", reason)
	}
	return fmt.Errorf("%q %s", text, reason)
}

// orNone completes the mend of a setting that may be switched off.
func (o *Setting) orNone() string {
	if o.value.Kind() == reflect.Pointer {
		return ", nor " + none
	}
	return ""
}

// String is the value as a file would hold it, on one line, or a mask where a secret is set.
func (o Setting) String() string {
	v := o.value
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return none
		}
		v = v.Elem()
	}
	if o.Secret && !v.IsZero() {
		return quote(mask)
	}
	switch o.form {
	case formText:
		return quote(v.String())
	case formDuration:
		return time.Duration(v.Int()).String()
	case formList:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = quote(v.Index(i).String())
		}
		return "[" + strings.Join(items, ", ") + "]"
	case formOwn:
		text := ownText(v)
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return text
		}
		return quote(text)
	case formYAML:
		return flow(v.Interface())
	default:
		return fmt.Sprint(v.Interface())
	}
}

// ownText is what a type with UnmarshalText says of itself, by MarshalText where it has that.
func ownText(v reflect.Value) string {
	if m, ok := v.Addr().Interface().(encoding.TextMarshaler); ok {
		if text, err := m.MarshalText(); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v.Interface())
}

// flow is a value as YAML on one line, with what is empty left out.
func flow(value any) string {
	text, err := yaml.MarshalWithOptions(value, yaml.Flow(true), yaml.OmitEmpty())
	if err != nil {
		return quote(fmt.Sprint(value))
	}
	return strings.TrimSpace(string(text))
}

// quote writes text as a YAML scalar that reads back as the same text, plain where that is safe in a list too.
func quote(text string) string {
	plain := regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./:-]*[A-Za-z0-9_/]$|^[A-Za-z]$`)
	words := regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null)$`)
	if plain.MatchString(text) && !words.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}

// oneLine folds what a library says over several lines into one.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
