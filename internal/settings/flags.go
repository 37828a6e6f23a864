package settings

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// configFlag names the configuration file.
const configFlag = "config"

// given is a flag's value as it was typed; [Settings.Load] reads it, so that a wrong one is told like any other.
type given struct {
	form     form
	standing string // The default, for help texts.
	typed    []string
}

// Set, String and Type make given a [pflag.Value].
func (g *given) Set(text string) error {
	g.typed = append(g.typed, text)
	return nil
}

// String is the text that counts: the last one typed, or all of them where the setting is a list.
func (g *given) String() string {
	switch {
	case len(g.typed) == 0:
		return g.standing
	case g.form == formList:
		return strings.Join(g.typed, ",")
	}
	return g.typed[len(g.typed)-1]
}

// Type is the word for the value in help texts.
func (g *given) Type() string { return g.form.String() }

// RegisterFlags adds a flag for every setting, and --config for the file. The words of a flag may be separated by
// dashes, dots or underscores. A list may be given at once, with commas, or one by one.
func (s *Settings) RegisterFlags(flags *pflag.FlagSet) {
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(flagName(name))
	})
	flags.Var(&given{}, configFlag, "configuration file (YAML), also as "+s.prefix+"CONFIG")
	for _, one := range s.all {
		standing := one.String()
		if standing == `""` || standing == "[]" || one.form == formYAML {
			standing = "" // Help texts leave out what would say nothing or fill the screen.
		}
		flag := flags.VarPF(&given{form: one.form, standing: standing}, one.Flag, "", one.Doc)
		if one.form == formBool {
			flag.NoOptDefVal = "true"
		}
	}
}

// flagName is a path, or a flag however it was typed, as we write flags.
func flagName(name string) string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(name)
}

// flagText is what was typed for a flag; not ok when it was not given or there is no such flag.
func flagText(flags *pflag.FlagSet, name string) (text string, ok bool) {
	if flags == nil {
		return "", false
	}
	flag := flags.Lookup(name)
	if flag == nil || !flag.Changed {
		return "", false
	}
	return flag.Value.String(), true
}

// FlagError puts what the flag library says of a command line into one line that names the nearest flag. Nil stays nil.
func FlagError(flags *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Errorf("unknown flag -%s: flags are words after two dashes", unknown.GetSpecifiedShortnames())
	case errors.As(err, &unknown):
		var names []string
		flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		return fmt.Errorf("unknown flag --%s, did you mean --%s?",
			oneLine(unknown.GetSpecifiedName()), nearest(flagName(unknown.GetSpecifiedName()), names))
	case errors.As(err, &bare):
		return fmt.Errorf("flag --%s needs a value", bare.GetFlag().Name)
	case errors.As(err, &invalid):
		return fmt.Errorf("flag --%s: %q: %s", invalid.GetFlag().Name, invalid.GetValue(), oneLine(invalid.Unwrap().Error()))
	}
	if line := oneLine(err.Error()); line != err.Error() {
		return errors.New(line)
	}
	return err
}
