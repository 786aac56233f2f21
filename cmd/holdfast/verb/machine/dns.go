// Package machine is the verbs that work on this machine and need no agent.
package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"

	"holdfast/cmd/holdfast/forwarder"
	"holdfast/cmd/holdfast/verb"
)

// Verbs is what can be done without an agent.
func Verbs() []verb.Verb { return []verb.Verb{dnsVerb(), keygenVerb()} }

func dnsVerb() verb.Verb {
	return verb.Verb{
		Name: "dns", Args: "setup", Short: "let this machine's resolver ask Holdfast",
		Subs: []verb.Verb{{
			Name: "dns setup", Args: "--RESOLVER", Short: "what makes a resolver ask Holdfast about its domain", Run: runDNSSetup,
			Long: `RESOLVER is systemd-resolved, dnsmasq, unbound or bind. Without -write it prints what belongs where, changes nothing, and says whether Holdfast's DNS answers. With -write it writes that file,
reloads the resolver and asks it about a name of the domain. -undo removes what -write wrote. A file that somebody else wrote is never touched.

` + "    holdfast dns setup --unbound\n    holdfast dns setup --unbound -write\n    holdfast dns setup --unbound -undo",
		}},
	}
}

// dnsSetup is what the flags of `dns setup` say.
type dnsSetup struct {
	kind     forwarder.Kind
	target   forwarder.Target
	resolver string
	root     string
	write    bool
	undo     bool
}

const (
	resolverTimeout = 2 * time.Second  // for one question
	resolverGrace   = 10 * time.Second // for a resolver that has just been reloaded
)

func runDNSSetup(ctx context.Context, c *verb.Console, args []string) error {
	s, err := parseDNSSetup(c, args)
	if err != nil {
		return err
	}
	switch {
	case s.undo:
		changed, err := s.kind.Undo(s.root)
		if err != nil {
			return err
		}
		if len(changed) == 0 {
			fmt.Fprintln(c.Out, "There is nothing to remove.")
			return nil
		}
		fmt.Fprintf(c.Out, "Changed: %s\n", strings.Join(changed, ", "))
		return s.reload(ctx, c)
	case s.write:
		return s.apply(ctx, c)
	}
	fmt.Fprintf(c.Out, "# %s\n%s", s.kind.Path, s.kind.Snippet(s.target))
	if s.kind.Include != "" {
		fmt.Fprintf(c.Out, "\n# and in %s\ninclude \"%s\";\n", s.kind.Include, s.kind.Path)
	}
	fmt.Fprintf(c.Out, "\n# then\n%s\n", strings.Join(s.kind.Reload, " "))
	s.remark(c)
	if err := s.ask(ctx, s.target.Server.String()); err != nil {
		fmt.Fprintf(c.Err, "Holdfast's DNS at %s does not answer yet: %v\n", s.target.Server, err)
		return nil
	}
	fmt.Fprintf(c.Err, "Holdfast's DNS at %s answers.\n", s.target.Server)
	return nil
}

func parseDNSSetup(c *verb.Console, args []string) (*dnsSetup, error) {
	s := &dnsSetup{}
	fs := c.Flags()
	chosen := map[string]*bool{}
	for _, k := range forwarder.Kinds() {
		chosen[k.Name] = fs.Bool(k.Name, false, "for "+k.Name)
	}
	domain := fs.String("domain", "consul", "the `domain` that Holdfast serves")
	server := fs.String("server", "127.0.0.1:8600", "the `address` of Holdfast's DNS")
	fs.StringVar(&s.resolver, "resolver", "127.0.0.1:53", "the `address` of the resolver, which is asked after -write")
	fs.StringVar(&s.root, "root", "", "write below this `directory`, an image or a chroot; nothing is reloaded then")
	fs.BoolVar(&s.write, "write", false, "write it, reload the resolver and test it")
	fs.BoolVar(&s.undo, "undo", false, "remove what -write wrote")
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 0, 0, "flags alone")); err != nil {
		return nil, err
	}
	var kinds []forwarder.Kind
	for _, k := range forwarder.Kinds() {
		if *chosen[k.Name] {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) != 1 {
		return nil, verb.UsageError(fmt.Sprintf("want one resolver, --systemd-resolved, --dnsmasq, --unbound or --bind; got %d", len(kinds)))
	}
	if s.write && s.undo {
		return nil, verb.UsageError("-write and -undo contradict each other: give one of them")
	}
	at, err := netip.ParseAddrPort(*server)
	if err != nil || at.Addr().IsUnspecified() {
		return nil, verb.UsageError(fmt.Sprintf("-server %q is not an address with a port, such as 127.0.0.1:8600", *server))
	}
	name := strings.Trim(strings.ToLower(*domain), ".")
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.", r) }) {
		return nil, verb.UsageError(fmt.Sprintf("-domain %q is not the name of a domain", *domain))
	}
	s.kind, s.target = kinds[0], forwarder.Target{Domain: name, Server: at}
	return s, nil
}

// apply writes the snippet, and holds the resolver to it.
func (s *dnsSetup) apply(ctx context.Context, c *verb.Console) error {
	changed, err := s.kind.Write(s.root, s.target)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Wrote: %s\n", strings.Join(changed, ", "))
	s.remark(c)
	if err := s.reload(ctx, c); err != nil || s.root != "" {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, resolverGrace)
	defer cancel()
	for {
		if err = s.ask(ctx, s.resolver); err == nil {
			fmt.Fprintf(c.Out, "The resolver at %s answers for %s.\n", s.resolver, s.target.Domain)
			return nil
		}
		select {
		case <-time.After(resolverTimeout / 10):
		case <-ctx.Done():
			return fmt.Errorf("the resolver at %s does not answer for %s (%w): look at its log, or take it back with -undo", s.resolver, s.target.Domain, err)
		}
	}
}

func (s *dnsSetup) remark(c *verb.Console) {
	if s.kind.Note != "" {
		fmt.Fprintf(c.Err, "%s\n", strings.ReplaceAll(s.kind.Note, "DOMAIN", s.target.Domain))
	}
}

// reload lets the resolver of this machine read its files.
func (s *dnsSetup) reload(ctx context.Context, c *verb.Console) error {
	if s.root != "" {
		return nil
	}
	out, err := exec.CommandContext(ctx, s.kind.Reload[0], s.kind.Reload[1:]...).CombinedOutput() //nolint:gosec // one of a few fixed commands
	if err != nil {
		return fmt.Errorf("the files are in place, but `%s` failed (%w): %s", strings.Join(s.kind.Reload, " "), err, strings.TrimSpace(string(out)))
	}
	fmt.Fprintf(c.Out, "Reloaded: %s\n", strings.Join(s.kind.Reload, " "))
	return nil
}

// ask asks a DNS server for the servers of the cluster, which are there as soon as there is a leader.
func (s *dnsSetup) ask(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, resolverTimeout)
	defer cancel()
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}
	name := "consul.service." + s.target.Domain + "."
	addrs, err := r.LookupNetIP(ctx, "ip", name)
	if err != nil {
		if e, ok := errors.AsType[*net.DNSError](err); ok {
			return fmt.Errorf("%s: %s", name, e.Err)
		}
		return err
	}
	if !slices.ContainsFunc(addrs, netip.Addr.IsValid) {
		return fmt.Errorf("%s has no address", name)
	}
	return nil
}
