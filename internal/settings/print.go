package settings

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Print writes the settings as a YAML file that would give the same configuration, secrets apart, with the origin
// of each value as a comment behind it.
func (s *Settings) Print(w io.Writer) error {
	var out strings.Builder
	var open []string
	for _, one := range s.all {
		keys := strings.Split(one.Path, ".")
		groups := keys[:len(keys)-1]
		same := 0
		for same < len(groups) && same < len(open) && groups[same] == open[same] {
			same++
		}
		for depth := same; depth < len(groups); depth++ {
			fmt.Fprintf(&out, "%s%s:\n", indent(depth), groups[depth])
		}
		open = groups
		printSetting(&out, *one, indent(len(groups)), keys[len(keys)-1])
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// printSetting writes one setting; a list of more than plain texts stands with one item a line.
func printSetting(out *strings.Builder, one Setting, margin, key string) {
	if one.form != formYAML || one.value.Kind() != reflect.Slice || one.value.Len() == 0 || one.Secret {
		fmt.Fprintf(out, "%-40s # %s\n", margin+key+": "+one.String(), one.Origin)
		return
	}
	fmt.Fprintf(out, "%-40s # %s\n", margin+key+":", one.Origin)
	for i := range one.value.Len() {
		fmt.Fprintf(out, "%s  - %s\n", margin, flow(one.value.Index(i).Interface()))
	}
}

func indent(depth int) string { return strings.Repeat("  ", depth) }
