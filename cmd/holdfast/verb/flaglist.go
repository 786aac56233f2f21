package verb

import (
	"context"
	"flag"
	"io"
	"strings"
)

// FlagName is a flag of a verb, and what it does.
type FlagName struct{ Name, Text string }

// FlagNames are the flags of a verb that do something, by their names. A verb declares them when it runs, so this runs it for its help, which it
// asks for before anything else.
func (v Verb) FlagNames() []FlagName {
	if v.Run == nil {
		return nil
	}
	var out []FlagName
	c := &Console{
		In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }, verb: v,
		help: func(fs *flag.FlagSet) {
			fs.VisitAll(func(f *flag.Flag) {
				if _, text := flag.UnquoteUsage(f); text != "" {
					out = append(out, FlagName{f.Name, text})
				}
			})
		},
	}
	_ = v.Run(context.Background(), c, []string{"-h"}) // it ends with Exit
	return out
}
