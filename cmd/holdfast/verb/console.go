package verb

import (
	"cmp"
	"flag"
	"fmt"
	"io"
)

// Console is where a verb reads and prints.
type Console struct {
	In       io.Reader
	Out, Err io.Writer
	Env      func(string) string
	Name     string // what the program was called as

	verb Verb                // the one that runs
	help func(*flag.FlagSet) // what -h does instead of teaching, if anything
}

// UsageError is a mistake on the command line; the verb's usage line follows it.
type UsageError string

func (e UsageError) Error() string { return string(e) }

// Exit ends the program with a code of its own, after the verb has said why.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// Flags makes the flag set of the verb that runs.
func (c *Console) Flags() *flag.FlagSet {
	fs := flag.NewFlagSet(c.verb.Name, flag.ContinueOnError)
	fs.SetOutput(c.Out)
	fs.Usage = func() {
		if c.help != nil {
			c.help(fs)
			return
		}
		c.verb.teach(c.Out, fs)
	}
	return fs
}

// setting is an environment variable of the clients, under our name or under Consul's.
func (c *Console) setting(name string) string {
	return cmp.Or(c.Env("HOLDFAST_"+name), c.Env("CONSUL_"+name))
}

// Failure is an error with an exit code of its own.
type Failure struct {
	Code int
	Err  error
}

func (f Failure) Error() string { return f.Err.Error() }
func (f Failure) Unwrap() error { return f.Err }
