package settings

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// loadFile reads one YAML file into the struct. named says who named the file, for the error when it is not there.
func (s *Settings) loadFile(name, named string) error {
	data, err := readRegular(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("configuration file %q does not exist (from %s)", name, named)
	}
	if err != nil {
		return fmt.Errorf("read the configuration file (from %s): %w", named, err)
	}
	return s.loadYAML(name, data)
}

// maxFile bounds a configuration file, in bytes, and maxDepth the brackets open at once: the parser recurses.
const (
	maxFile  = 1 << 20
	maxDepth = 100
)

// readRegular reads a file whole, unless it is no file or none of this world. It does not wait for a pipe's writer.
func readRegular(name string) ([]byte, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), err
}

// deepest is the most brackets that are open at once, quoted ones too.
func deepest(data []byte) int {
	depth, most := 0, 0
	for _, c := range data {
		switch c {
		case '[', '{':
			depth++
			most = max(most, depth)
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return most
}

// loadYAML applies the text of a file; name is what errors and origins call it.
func (s *Settings) loadYAML(name string, data []byte) error {
	if n := deepest(data); n > maxDepth {
		return fmt.Errorf("%s: %d brackets are open at once, the most is %d", name, n, maxDepth)
	}
	// Duplicates are let through the parser only because ours name the first one's line.
	parsed, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, reason := explain(err, nil)
		return fault(name, at, "not YAML: "+reason)
	}
	var body ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body == nil {
			continue
		}
		if at, reason := unwanted(doc.Body); reason != "" {
			return fault(name, at, reason)
		}
		if body != nil {
			return fault(name, start(doc.Body), "a second document: a configuration is one")
		}
		body = doc.Body
	}
	if body == nil {
		return nil
	}
	return s.applyGroup(name, "", body)
}

// applyGroup applies the keys below one group, whose path is empty at the root.
func (s *Settings) applyGroup(name, group string, node ast.Node) error {
	mapping, ok := node.(*ast.MappingNode)
	if !ok {
		if group == "" {
			return fault(name, start(node), "the file must hold keys and values, not "+kindOf(node))
		}
		if node.Type() == ast.NullType {
			return nil // A group whose keys are all commented out says nothing.
		}
		return fault(name, start(node), fmt.Sprintf("%s is a group of settings, not %s", group, kindOf(node)))
	}
	for _, entry := range mapping.Values {
		key := entry.Key.GetToken().Value
		path := key
		if group != "" {
			path = group + "." + key
		}
		switch one := s.find(path); {
		case strings.Contains(key, "."):
			return fault(name, entry.Key.GetToken(), fmt.Sprintf("unknown key %q: write groups as nested keys, not with dots", key))
		case slices.Contains(s.groups, path):
			if err := s.applyGroup(name, path, entry.Value); err != nil {
				return err
			}
		case one == nil:
			return fault(name, entry.Key.GetToken(), fmt.Sprintf("unknown key %q, did you mean %q?", path, s.nearestPath(path)))
		case entry.Value.Type() == ast.NullType:
			return fault(name, entry.Key.GetToken(), fmt.Sprintf(`%s has no value: give it one ("" for empty text) or remove the key`, path))
		default:
			if at, err := one.setNode(entry.Value); err != nil {
				return fault(name, at, one.Path+": "+err.Error())
			}
			one.Origin = fmt.Sprintf("%s:%d", name, entry.Key.GetToken().Position.Line)
		}
	}
	return nil
}

// setNode reads a file's value into the setting's field; an error comes with the token it is about.
func (o *Setting) setNode(node ast.Node) (*token.Token, error) {
	switch o.form {
	case formYAML:
		return o.setYAML(node)
	case formList:
		if sequence, ok := node.(*ast.SequenceNode); ok {
			return o.setSequence(sequence)
		}
	}
	text, ok := scalar(node)
	if !ok {
		return start(node), fmt.Errorf("needs %s, not %s", article(o.form.String()), kindOf(node))
	}
	return start(node), o.setText(text)
}

// setSequence reads a YAML list of plain values; it replaces what was there.
func (o *Setting) setSequence(sequence *ast.SequenceNode) (*token.Token, error) {
	items := make([]string, len(sequence.Values))
	for i, value := range sequence.Values {
		text, ok := scalar(value)
		if !ok {
			return start(value), fmt.Errorf("needs a list of texts, not %s in it", kindOf(value))
		}
		items[i] = text
	}
	return start(sequence), o.fillList(o.value, sequence.String(), items)
}

// setYAML reads any value by its type's own yaml tags; it replaces what was there.
func (o *Setting) setYAML(node ast.Node) (*token.Token, error) {
	fresh := reflect.New(o.value.Type())
	if err := yaml.NodeToValue(node, fresh.Interface(), yaml.Strict()); err != nil {
		at, reason := explain(err, o.value.Type())
		if at == nil {
			at = start(node)
		}
		return at, errors.New(reason)
	}
	o.value.Set(fresh.Elem())
	return nil, nil
}

// scalar is the text of a plain value as it was written, so that 0123 as a password stays 0123.
func scalar(node ast.Node) (text string, ok bool) {
	switch n := node.(type) {
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	case *ast.MappingNode:
		if len(n.Values) == 1 && !n.IsFlowStyle {
			return scalar(n.Values[0])
		}
	case *ast.MappingValueNode:
		// The parser takes host:port inside a map in braces for a map itself. A colon without a blank behind it is no
		// separator in YAML (1.2, section 7.3.3): the two halves are one text.
		key, ok := scalar(n.Key)
		value, plain := scalar(n.Value)
		if colon := n.Start.Position; ok && plain && n.Value.GetToken().Position.Offset == colon.Offset+1 {
			return key + ":" + value, true
		}
	}
	return "", false
}

// unwanted finds what no configuration needs and this package does not follow; reason is empty when there is none.
func unwanted(node ast.Node) (at *token.Token, reason string) {
	switch n := node.(type) {
	case *ast.MappingNode:
		first := map[string]int{}
		for _, entry := range n.Values {
			key := entry.Key.GetToken()
			if line, twice := first[key.Value]; twice {
				return key, fmt.Sprintf("duplicate key %q, first written on line %d", key.Value, line)
			}
			first[key.Value] = key.Position.Line
			if _, merge := entry.Key.(*ast.MergeKeyNode); merge {
				return key, "merge keys are not read here: write the values out"
			}
			if at, reason = unwanted(entry.Value); reason != "" {
				return at, reason
			}
		}
	case *ast.SequenceNode:
		for _, value := range n.Values {
			if at, reason = unwanted(value); reason != "" {
				return at, reason
			}
		}
	case *ast.AnchorNode, *ast.AliasNode:
		return node.GetToken(), "anchors and aliases are not read here: write the value out"
	case *ast.TagNode:
		return node.GetToken(), "tags are not read here: write the value without one"
	case *ast.DirectiveNode:
		return node.GetToken(), "directives are not read here: remove the line"
	}
	return nil, ""
}

// start is the first token of a node, where an editor's cursor should go.
func start(node ast.Node) *token.Token {
	if m, ok := node.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		return m.Values[0].Key.GetToken()
	}
	return node.GetToken()
}

// fault is the error about a place in a file, in one line.
func fault(name string, at *token.Token, reason string) error {
	if at == nil || at.Position == nil {
		return fmt.Errorf("%s: %s", name, reason)
	}
	return fmt.Errorf("%s:%d:%d: %s", name, at.Position.Line, at.Position.Column, reason)
}

// explain says what the YAML library found wrong, without its Go types and its excerpt of the source. within is the
// type that was being read, whose keys are offered where one is unknown.
func explain(err error, within reflect.Type) (at *token.Token, reason string) {
	var unknown *yaml.UnknownFieldError
	var mismatch *yaml.TypeError
	var unexpected *yaml.UnexpectedNodeTypeError
	var other yaml.Error
	switch {
	case errors.As(err, &unknown):
		key := unknown.Token.Value
		return unknown.Token, fmt.Sprintf("unknown key %q, did you mean %q?", key, nearest(key, keysOf(within, nil)))
	case errors.As(err, &mismatch):
		return mismatch.Token, fmt.Sprintf("%q is not %s", mismatch.Token.Value, article(wordFor(mismatch.DstType)))
	case errors.As(err, &unexpected):
		return unexpected.Token, fmt.Sprintf("needs %s, not %q", cmp.Or(groupWord(unexpected.Expected), "a plain value"), unexpected.Token.Value)
	case errors.As(err, &other):
		return other.GetToken(), oneLine(other.GetMessage())
	}
	return nil, oneLine(err.Error())
}

// keysOf are the yaml keys of all structs that a value of type t may hold.
func keysOf(t reflect.Type, keys []string) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return keysOf(t.Elem(), keys)
	case reflect.Struct:
		for i := range t.NumField() {
			key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			if key == "" || key == "-" {
				continue
			}
			keys = keysOf(t.Field(i).Type, append(keys, key))
		}
	}
	return keys
}

// wordFor is what a user calls a Go type.
func wordFor(t reflect.Type) string {
	switch f := formOf(t); {
	case f != formYAML:
		return f.String()
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		return "list"
	}
	return "group of keys"
}

// article completes the word for a form to a phrase.
func article(word string) string {
	switch word {
	case "text":
		return "text"
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	case "duration":
		return "a duration such as 45s"
	}
	return "a " + word
}

// kindOf is what a user calls a node of a file: plain values by themselves, everything else by its kind.
func kindOf(node ast.Node) string {
	return cmp.Or(groupWord(node.Type()), fmt.Sprintf("%q", node.GetToken().Value))
}

// groupWord is what a user calls a kind of node that is no plain value; empty for plain values.
func groupWord(kind ast.NodeType) string {
	switch kind {
	case ast.MappingType:
		return "a group of keys"
	case ast.SequenceType:
		return "a list"
	case ast.NullType:
		return "nothing"
	}
	return ""
}
