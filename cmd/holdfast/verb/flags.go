package verb

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ParseFlags parses, with flags before, between and after the arguments, which fs then answers. What goes wrong is a UsageError; -h prints
// the help and ends the program with code 0.
func ParseFlags(fs *flag.FlagSet, args []string) error { return parse(fs, args, false) }

// ParseWithValues is ParseFlags for a verb whose arguments may begin with a dash: behind the first argument only a flag of the verb is one.
func ParseWithValues(fs *flag.FlagSet, args []string) error { return parse(fs, args, true) }

func parse(fs *flag.FlagSet, args []string, values bool) error {
	out, help := fs.Output(), fs.Usage
	fs.SetOutput(io.Discard) // the flag package is not to say anything by itself
	fs.Usage = func() {}
	defer fs.SetOutput(out)
	var rest []string
	for len(args) > 0 {
		if values && len(rest) > 0 && strings.HasPrefix(args[0], "-") && !isFlag(fs, args[0]) && args[0] != "--" {
			rest, args = append(rest, args[0]), args[1:]
			continue
		}
		err := fs.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			help()
			return Exit(0)
		case err != nil:
			return UsageError(err.Error())
		}
		parsed := args[:len(args)-fs.NArg()]
		if len(parsed) > 0 && parsed[len(parsed)-1] == "--" {
			rest = append(rest, fs.Args()...)
			break
		}
		args = fs.Args()
		if len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return fs.Parse(append([]string{"--"}, rest...))
}

func isFlag(fs *flag.FlagSet, arg string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
	return fs.Lookup(name) != nil || name == "h" || name == "help"
}

// WantArgs is a UsageError unless a verb has been given from least to most arguments; what says which.
func WantArgs(fs *flag.FlagSet, least, most int, what string) error {
	if n := fs.NArg(); n < least || n > most {
		return UsageError("want " + what + Given(fs.Args()))
	}
	return nil
}

// Given says what was given instead, for the end of a sentence.
func Given(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return fmt.Sprintf(", not %q", args)
}

// FormatFlag is -format.
type FormatFlag struct{ JSON bool }

// Register declares the flag.
func (f *FormatFlag) Register(fs *flag.FlagSet) {
	fs.Var(f, "format", "`how` to print: pretty, or json for the answer of the API")
}

func (f *FormatFlag) String() string {
	if f.JSON {
		return "json"
	}
	return "pretty"
}

// Set takes a value of -format.
func (f *FormatFlag) Set(s string) error {
	if !slices.Contains([]string{"pretty", "json"}, s) {
		return errors.New("want pretty or json")
	}
	f.JSON = s == "json"
	return nil
}
