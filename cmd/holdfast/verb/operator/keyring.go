package operator

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"holdfast/cmd/holdfast/verb"
)

func keyringVerb() verb.Verb {
	return verb.Verb{
		Name: "keyring", Short: "list and change the keys that gossip is encrypted with", Run: runKeyring, Examples: []string{"keyring -list", "keyring -install=$NEW; holdfast keyring -use=$NEW; holdfast keyring -remove=$OLD"},
		Long: `A key is changed without a gap: -install the new one, -use it, -remove the old one. Each step is done by all living members, and fails where one
of them has not done it; then it may be repeated. Members that are down keep their keys: start them before the old key is removed. A key
is 16, 24 or 32 bytes in base64, as holdfast keygen makes them.`,
	}
}

// keyPool is one pool of /v1/operator/keyring.
type keyPool struct {
	WAN         bool
	Datacenter  string
	Messages    map[string]string
	Keys        map[string]int
	PrimaryKeys map[string]int
	NumNodes    int
}

func runKeyring(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	list := fs.Bool("list", false, "list the keys, and how many members have each")
	primary := fs.Bool("list-primary", false, "list the keys that members encrypt with")
	local := fs.Bool("local-only", false, "list what this agent has, without asking the others")
	relay := fs.Int("relay-factor", 0, "")
	install := fs.String("install", "", "install a `key` on every member")
	use := fs.String("use", "", "encrypt with an installed `key` on every member")
	remove := fs.String("remove", "", "remove a `key` from every member")
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	chosen := 0
	for _, yes := range []bool{*list || *primary, *install != "", *use != "", *remove != ""} {
		if yes {
			chosen++
		}
	}
	switch {
	case chosen != 1 || fs.NArg() > 0:
		return verb.UsageError("want one of -list, -list-primary, -install, -use and -remove" + verb.Given(fs.Args()))
	case *local && !*list && !*primary:
		return verb.UsageError("-local-only goes with -list and -list-primary alone")
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	q := url.Values{}
	if *relay != 0 {
		q.Set("relay-factor", strconv.Itoa(*relay))
	}
	if *list || *primary {
		return listKeys(ctx, c, cl, q, *local, *primary)
	}
	method, what := http.MethodDelete, "Removing gossip encryption key"
	switch {
	case *install != "":
		method, what = http.MethodPost, "Installing new gossip encryption key"
	case *use != "":
		method, what = http.MethodPut, "Changing primary gossip encryption key"
	}
	fmt.Fprintf(c.Out, "==> %s...\n", what)
	return cl.Do(ctx, method, "/v1/operator/keyring", q, map[string]string{"Key": cmp.Or(*install, *use, *remove)}, nil)
}

func listKeys(ctx context.Context, c *verb.Console, cl *verb.Client, q url.Values, local, primary bool) error {
	if local {
		q.Set("local-only", "true")
	}
	what := "installed encryption keys"
	if primary {
		what = "installed primary encryption keys"
	}
	fmt.Fprintf(c.Out, "==> Gathering %s...\n", what)
	var pools []keyPool
	if err := cl.Do(ctx, http.MethodGet, "/v1/operator/keyring", q, nil, &pools); err != nil {
		return err
	}
	for _, p := range pools {
		p.print(c.Out, primary)
	}
	return nil
}

func (p *keyPool) print(w io.Writer, primary bool) {
	name, keys := p.Datacenter+" (LAN)", p.Keys
	if p.WAN {
		name = "WAN"
	}
	if primary {
		keys = p.PrimaryKeys
	}
	fmt.Fprintf(w, "\n%s:\n", name)
	for _, node := range slices.Sorted(maps.Keys(p.Messages)) {
		fmt.Fprintf(w, "  ===> %s: %s\n", node, p.Messages[node])
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(w, "  %s [%d/%d]\n", key, keys[key], p.NumNodes)
	}
}
