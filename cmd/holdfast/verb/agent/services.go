package agent

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"holdfast/cmd/holdfast/config"
	"holdfast/cmd/holdfast/verb"
)

func servicesVerb() verb.Verb {
	return verb.Verb{
		Name: "services", Args: "register|deregister", Short: "register services with the agent, and take them away",
		Subs: []verb.Verb{
			{
				Name: "services register", Args: "[FILE ...]", Short: "register the services of config files, or one that flags describe", Run: register,
				Long: "The agent keeps them over restarts. Other keys of the files are passed over; checks stand in files alone.\n\n" +
					"    holdfast services register web.hcl\n    holdfast services register -name=web -port=80 -tag=v2",
			},
			{
				Name: "services deregister", Args: "[FILE ...]", Short: "take away the services of config files, or one by its ID", Run: deregister,
				Long: "A service that stands in the agent's own config files comes back when it reads them.\n\n" +
					"    holdfast services deregister web.hcl\n    holdfast services deregister -id=web",
			},
			verb.NotOffered("services export", "clusters do not peer here, so there is nobody to export a service to"),
		},
	}
}

// described is a service that flags describe.
type described struct {
	ID      string            `json:"ID,omitempty"`
	Name    string            `json:"Name"`
	Kind    string            `json:"Kind,omitempty"`
	Address string            `json:"Address,omitempty"`
	Port    int               `json:"Port,omitempty"`
	Socket  string            `json:"SocketPath,omitempty"`
	Tags    verb.Texts        `json:"Tags,omitempty"`
	Meta    verb.Pairs        `json:"Meta,omitempty"`
	Tagged  map[string]tagged `json:"TaggedAddresses,omitempty"`
}

type tagged struct {
	Address string
	Port    int
}

func register(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var d described
	fs.StringVar(&d.ID, "id", "", "`ID` of the service; else its name")
	fs.StringVar(&d.Name, "name", "", "`name` of the service")
	fs.StringVar(&d.Kind, "kind", "", "")
	fs.StringVar(&d.Address, "address", "", "`address` that it answers at, if not the machine's")
	fs.IntVar(&d.Port, "port", 0, "`number` of its port")
	fs.StringVar(&d.Socket, "socket", "", "`path` of its unix socket")
	fs.Var(&d.Tags, "tag", "a `tag`; may be repeated")
	fs.Var(&d.Meta, "meta", "`KEY=VALUE` of its metadata; may be repeated")
	fs.Func("tagged-address", "`NAME=ADDRESS:PORT`, another address of it; may be repeated", d.addTagged)
	var f verb.ClientFlags
	f.Register(c, fs)
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	var all []any
	switch {
	case fs.NArg() > 0 && (d.Name != "" || d.ID != ""):
		return verb.UsageError("want files, or flags that describe one service: not both")
	case fs.NArg() > 0:
		files, err := servicesOf(fs.Args())
		if err != nil {
			return err
		}
		for _, s := range files {
			all = append(all, s)
		}
	case d.Name == "":
		return verb.UsageError("want files, or at least -name")
	default:
		all = []any{d}
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	for _, s := range all {
		name := d.Name
		if m, ok := s.(map[string]any); ok {
			name, _ = m["name"].(string)
		}
		if err := cl.Do(ctx, http.MethodPut, "/v1/agent/service/register", nil, s, nil); err != nil {
			return fmt.Errorf("service %q was not registered: %w", name, err)
		}
		fmt.Fprintf(c.Out, "Registered service: %s\n", name)
	}
	return nil
}

// addTagged takes NAME=ADDRESS:PORT; the port may be missing.
func (d *described) addTagged(s string) error {
	name, at, ok := strings.Cut(s, "=")
	if !ok || name == "" || at == "" {
		return fmt.Errorf("want NAME=ADDRESS:PORT, not %q", s)
	}
	t := tagged{Address: at}
	if host, port, err := net.SplitHostPort(at); err == nil {
		if t.Port, err = strconv.Atoi(port); err != nil {
			return fmt.Errorf("the port of %q is not a number", s)
		}
		t.Address = host
	}
	if d.Tagged == nil {
		d.Tagged = map[string]tagged{}
	}
	d.Tagged[name] = t
	return nil
}

// servicesOf reads the services of config files.
func servicesOf(files []string) ([]map[string]any, error) {
	var out []map[string]any
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the services: %w", err)
		}
		found, err := config.ParseServices(file, b, "")
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func deregister(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	id := fs.String("id", "", "`ID` of the service")
	var f verb.ClientFlags
	f.Register(c, fs)
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	if (*id == "") == (fs.NArg() == 0) {
		return verb.UsageError("want files, or -id")
	}
	ids := []string{*id}
	if *id == "" {
		found, err := servicesOf(fs.Args())
		if err != nil {
			return err
		}
		ids = nil
		for _, s := range found {
			name, _ := s["name"].(string)
			if own, ok := s["id"].(string); ok {
				name = own
			}
			ids = append(ids, name)
		}
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := cl.Do(ctx, http.MethodPut, "/v1/agent/service/deregister/"+url.PathEscape(id), nil, nil, nil); err != nil {
			return fmt.Errorf("service %q was not deregistered: %w", id, err)
		}
		fmt.Fprintf(c.Out, "Deregistered service: %s\n", id)
	}
	return nil
}
