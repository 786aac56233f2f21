// Package migrate is the verb that brings what a running Consul keeps into this cluster.
//
// It reads everything from the source first, compares it with what is here, and shows a plan: what is new, what differs, what is the same, and
// what is left out and why. Only with -yes is the plan carried out. Whatever is the same is not written again, so the verb may be repeated until
// the last program has moved over.
//
// What an agent runs checks for belongs to that agent, here as there: services of the source agent go to the agent that the verb speaks to, and
// only with checks that the source's API describes. Nodes that no agent looks after (external ones) go into the catalog as they are.
package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

// Verb is the import family.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "import", Args: "consul", Short: "bring over what another system keeps",
		Subs: []verb.Verb{{
			Name: "import consul", Args: "ADDRESS|FILE", Short: "bring over what a running Consul keeps, or a file of kv export", Run: run,
			Long: "ADDRESS is the HTTP API of a Consul agent, host:port or http://host:port. Without -yes nothing is written: it shows what would be new, what " +
				"would change, and what is left out. It may be repeated; what is the same already is not written again.\n\n" +
				"Brought over are keys with their flags; external nodes with their services and checks; the services of that very agent, to the agent at " +
				"-http-addr, if its API tells what their checks do; and prepared queries. Sessions, and the services of other agents, are not.\n\n" +
				"    holdfast import consul 127.0.0.1:8500 -http-addr=127.0.0.1:9500\n    holdfast import consul 127.0.0.1:8500 -http-addr=127.0.0.1:9500 -yes\n    consul kv export >all.json; holdfast import consul all.json -yes",
		}},
	}
}

// options are what the flags say.
type options struct {
	yes         bool
	format      verb.FormatFlag
	sourceToken string
	prefix      string
	source      string
}

func run(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var o options
	fs.BoolVar(&o.yes, "yes", false, "do it")
	fs.BoolFunc("dry-run", "show what would be done, which is the default", func(s string) error { o.yes = s == "false"; return nil })
	fs.StringVar(&o.sourceToken, "source-token", "", "ACL `token` for the source; else it is read from CONSUL_HTTP_TOKEN")
	fs.StringVar(&o.prefix, "prefix", "", "of the keys only those that begin with this `text`")
	o.format.Register(fs)
	here, err := verb.Connect(c, fs, args, 1, 1, "the address of a Consul agent, or a file of kv export")
	if err != nil {
		return err
	}
	o.source = fs.Arg(0)
	found, err := o.read(ctx, c, here)
	if err != nil {
		return err
	}
	p, err := plan(ctx, here, found)
	if err != nil {
		return err
	}
	if o.format.JSON {
		b, err := json.Marshal(p)
		if err == nil {
			err = verb.PrintJSON(c.Out, b)
		}
		if err != nil || !o.yes {
			return err
		}
	} else if err := p.print(c, found); err != nil {
		return err
	}
	switch {
	case p.empty():
		return say(c, &o, "There is nothing to write.")
	case !o.yes:
		return say(c, &o, "Nothing is written yet: repeat it with -yes.")
	}
	if err := p.apply(ctx, c, here); err != nil {
		return err
	}
	return say(c, &o, "Done: %s.", strings.Join(p.written(), ", "))
}

func say(c *verb.Console, o *options, format string, args ...any) error {
	w := c.Out
	if o.format.JSON {
		w = c.Err
	}
	_, err := fmt.Fprintf(w, format+"\n", args...)
	return err
}
