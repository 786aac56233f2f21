// Package migrate is the verb that brings what a running Consul keeps into this cluster.
//
// It reads everything from the source first, compares it with what is here, and shows a plan: what is new, what differs, what is the same, and
// what is left out and why. Only with -yes is the plan carried out. Whatever is the same is not written again, so the verb may be repeated until
// the last program has moved over.
//
// What an agent runs checks for belongs to that agent, here as there: services of one source agent go to the agent that the verb speaks to, and
// only with all their checks. Those are described by the source's API, or by its data directory (package disk). Nodes that no agent looks after (external ones) go into the catalog as they are.
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
			Name: "import consul", Args: "ADDRESS|FILE|DIRECTORY", Short: "bring over what a Consul keeps", Run: run,
			Long: "ADDRESS is the HTTP API of a Consul agent, host:port or http://host:port; FILE an archive of consul snapshot save, or what consul kv export prints; DIRECTORY the " +
				"data_dir of a Consul agent. Without -yes nothing is written: it shows what would be new, what would change, and what is left out. It may " +
				"be repeated; what is the same already is not written again.\n\n" +
				"Brought over are keys with their flags; external nodes with their services and checks; prepared queries; and the services and checks of one agent, to the " +
				"agent at -http-addr: that of ADDRESS or DIRECTORY, or of a snapshot the one that -node names. What a check does is kept in the data directory of its agent, and " +
				"neither in a snapshot nor, up to Consul 1.8 at least, told by the API: give it with -data-dir. Services whose checks are not known are named and left out, " +
				"for without them they would count as healthy. Sessions, and the services of other agents, are not brought over; what config files define comes with them.\n\n" +
				"    holdfast import consul 127.0.0.1:8500 -data-dir=/opt/consul -http-addr=127.0.0.1:9500\n    holdfast import consul 127.0.0.1:8500 -data-dir=/opt/consul -http-addr=127.0.0.1:9500 -yes\n" +
				"    holdfast import consul backup.snap -yes\n    holdfast import consul /opt/consul -yes\n    consul kv export >all.json; holdfast import consul all.json -yes",
		}},
	}
}

// options are what the flags say.
type options struct {
	yes         bool
	format      verb.FormatFlag
	sourceToken string
	prefix      string
	dataDir     string
	node        string
	source      string
}

func run(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var o options
	fs.BoolVar(&o.yes, "yes", false, "do it")
	fs.BoolFunc("dry-run", "show what would be done, which is the default", func(s string) error { o.yes = s == "false"; return nil })
	fs.StringVar(&o.sourceToken, "source-token", "", "ACL `token` for the source; else it is read from CONSUL_HTTP_TOKEN")
	fs.StringVar(&o.prefix, "prefix", "", "of the keys only those that begin with this `text`")
	fs.StringVar(&o.dataDir, "data-dir", "", "data `directory` of the Consul agent that is asked, or whose services are wanted of a snapshot: it has the checks whole")
	fs.StringVar(&o.node, "node", "", "`name` of the node whose services are wanted of a snapshot; else the one of -data-dir, or the one with this agent's name")
	o.format.Register(fs)
	here, err := verb.Connect(c, fs, args, 1, 1, "the address of a Consul agent, a snapshot, the data directory of an agent, or a file of kv export")
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
