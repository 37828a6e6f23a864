package settings

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Load applies the sources to the struct, the weakest first: the file, the environment, the flags. The file is the
// one that --config names, else the one that the environment variable with the suffix CONFIG names, else none.
// flags may be nil, and need not hold every setting's flag; environ has the form of [os.Environ]. On an error, which
// is one line, the struct may hold a part of the sources and is not to be used.
func (s *Settings) Load(flags *pflag.FlagSet, environ []string) error {
	variables := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && strings.HasPrefix(name, s.prefix) {
			variables[name] = value
		}
	}
	file, named := variables[s.prefix+"CONFIG"], "environment "+s.prefix+"CONFIG"
	if text, ok := flagText(flags, configFlag); ok {
		file, named = text, "flag --"+configFlag
	}
	if file != "" {
		if err := s.loadFile(file, named); err != nil {
			return err
		}
	}
	if err := s.loadEnvironment(variables); err != nil {
		return err
	}
	return s.loadFlags(flags)
}

// loadEnvironment applies the variables with the program's prefix, and refuses those that no setting has.
func (s *Settings) loadEnvironment(variables map[string]string) error {
	known := map[string]bool{s.prefix + "CONFIG": true}
	for _, one := range s.all {
		known[one.Env] = true
		text, ok := variables[one.Env]
		if !ok {
			continue
		}
		if err := one.set(text, "environment "+one.Env); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if known[name] || s.reserved(name) || serviceLink(name, variables[name]) {
			continue
		}
		return fmt.Errorf("unknown environment variable %s, did you mean %s?", name,
			nearest(name, slices.Sorted(maps.Keys(known))))
	}
	return nil
}

// loadFlags applies the flags that were given.
func (s *Settings) loadFlags(flags *pflag.FlagSet) error {
	for _, one := range s.all {
		text, ok := flagText(flags, one.Flag)
		if !ok {
			continue
		}
		if err := one.set(text, "flag --"+one.Flag); err != nil {
			return err
		}
	}
	return nil
}

// set reads a text from outside a file and notes where it came from.
func (o *Setting) set(text, origin string) error {
	if err := o.setText(text); err != nil {
		return fmt.Errorf("%s: %w (from %s)", o.Path, err, origin)
	}
	o.Origin = origin
	return nil
}

// reserved reports whether a variable belongs to the program's tests, which no setting may.
func (s *Settings) reserved(name string) bool {
	return strings.HasPrefix(name, s.prefix+"TEST")
}

// serviceLink recognises the variables that Kubernetes puts into every pod for every service of its namespace
// (kubernetes.io/docs/concepts/services-networking/service/#environment-variables). A service named after the
// program makes such variables begin with our prefix; refusing them would keep the program from starting there.
func serviceLink(name, value string) bool {
	link := regexp.MustCompile(`_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)
	address := regexp.MustCompile(`^(tcp|udp|sctp)://`)
	return link.MatchString(name) || strings.HasSuffix(name, "_PORT") && address.MatchString(value)
}
