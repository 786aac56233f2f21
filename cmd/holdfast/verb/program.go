package verb

import (
	"errors"
	"flag"
	"io"
)

// ParseProgram parses the flags before a program's command line, which fs then answers: what follows its first word is the program's.
func ParseProgram(fs *flag.FlagSet, args []string) error {
	out, help := fs.Output(), fs.Usage
	fs.SetOutput(io.Discard) // the flag package is not to say anything by itself
	fs.Usage = func() {}
	defer fs.SetOutput(out)
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		help()
		return Exit(0)
	case err != nil:
		return UsageError(err.Error())
	}
	return nil
}
