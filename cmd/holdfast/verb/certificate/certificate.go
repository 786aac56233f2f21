// Package certificate is the verbs that make certificates: `tls ca create` and `tls cert create`. Flags, names of files and what they print are
// Consul's. They need no agent, and overwrite nothing.
package certificate

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"holdfast/cluster/secure/issue"
	"holdfast/cmd/holdfast/verb"
)

// Verbs is the family tls.
func Verbs() []verb.Verb {
	return []verb.Verb{{
		Name: "tls", Args: "ca|cert", Short: "make an authority and certificates for TLS",
		Long: "One authority for the cluster, on a machine that is looked after; one certificate for each agent. Only certificates travel, and the authority's key never. docs/config.md says what to do with them.",
		Subs: []verb.Verb{
			{
				Name: "tls ca", Args: "create", Short: "the authority",
				Subs: []verb.Verb{{
					Name: "tls ca create", Short: "make an authority that signs the certificates of one cluster", Run: runAuthority,
					Examples: []string{"tls ca create", "tls ca create -domain=example -days=3650"},
					Long:     "DOMAIN-agent-ca.pem and DOMAIN-agent-ca-key.pem are written where the verb runs. Every agent needs the first; whoever has the second can make certificates.",
				}},
			},
			{
				Name: "tls cert", Args: "create", Short: "certificates",
				Subs: []verb.Verb{{
					Name: "tls cert create", Short: "make a certificate that the authority has signed", Run: runLeaf,
					Examples: []string{"tls cert create -server", "tls cert create -server -additional-ipaddress=10.0.0.1", "tls cert create -client", "tls cert create -cli"},
					Long:     "DC-server-DOMAIN-N.pem and its key, DC-server-DOMAIN-N-key.pem, are written where the verb runs, N being the first number that is free. HTTPS clients that call an agent by another name or address than localhost need that in its certificate: -additional-dnsname, -additional-ipaddress.",
				}},
			},
		},
	}}
}

const (
	day           = 24 * time.Hour
	authorityDays = 5 * 365
	leafDays      = 365
)

// several is a flag that may be given again and again.
func several(fs *flag.FlagSet, name, usage string) *[]string {
	var all []string
	fs.Func(name, usage, func(s string) error { all = append(all, s); return nil })
	return &all
}

func runAuthority(_ context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	days := fs.Int("days", authorityDays, "`days` that the authority is valid")
	domain := fs.String("domain", "consul", "`domain` of the cluster, which names the files")
	constrain := fs.Bool("name-constraint", false, "let the authority sign for names of the domain, localhost and -additional-name-constraint alone")
	more := several(fs, "additional-name-constraint", "`domain` that it may sign for too (repeatable)")
	name := fs.String("common-name", "", "`name` of the authority; by default one that no other has")
	id := fs.String("cluster-id", "", "`ID` of a cluster, for the authority's alternative name; by default a random one")
	if err := parse(fs, args); err != nil {
		return err
	}
	switch {
	case *days < 1:
		return verb.UsageError("-days must be at least 1")
	case len(*more) > 0 && !*constrain:
		return verb.UsageError("-additional-name-constraint goes with -name-constraint")
	case badName(*domain):
		return verb.UsageError(fmt.Sprintf("-domain %q is no domain", *domain))
	}
	unique := make([]byte, 8)
	_, _ = rand.Read(unique) // never fails
	a := issue.Authority{Name: *name, URI: "spiffe://" + *id + "." + *domain, For: time.Duration(*days) * day}
	if a.Name == "" {
		a.Name = "Holdfast Agent CA " + hex.EncodeToString(unique)
	}
	if *id == "" {
		a.URI = "spiffe://" + hex.EncodeToString(unique) + "." + *domain
	}
	if *constrain {
		a.Domains = append([]string{*domain, "localhost"}, *more...)
	}
	signer, err := issue.New(a)
	if err != nil {
		return fmt.Errorf("cannot make the authority: %w", err)
	}
	return save(c, *domain+"-agent-ca", signer.Pair)
}

// leafFlags are those of tls cert create.
type leafFlags struct {
	server, client, cli bool
	ca, key             string
	days                int
	dc, domain, node    string
	names, addresses    *[]string
}

func runLeaf(_ context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f leafFlags
	fs.BoolVar(&f.server, "server", false, "for a server")
	fs.BoolVar(&f.client, "client", false, "for an agent that is no server")
	fs.BoolVar(&f.cli, "cli", false, "for the client verbs, and other clients of the API")
	fs.StringVar(&f.ca, "ca", "", "`file` with the authority's certificate; by default DOMAIN-agent-ca.pem")
	fs.StringVar(&f.key, "key", "", "`file` with the authority's key; by default DOMAIN-agent-ca-key.pem")
	fs.IntVar(&f.days, "days", leafDays, "`days` that the certificate is valid")
	fs.StringVar(&f.dc, "dc", "dc1", "`datacenter` of the agent")
	fs.StringVar(&f.domain, "domain", "consul", "`domain` of the cluster")
	fs.StringVar(&f.node, "node", "", "with -server, `name` of the node, to be in the certificate too")
	f.names = several(fs, "additional-dnsname", "DNS `name` to be in the certificate too (repeatable); localhost always is")
	f.addresses = several(fs, "additional-ipaddress", "IP `address` to be in the certificate too (repeatable); 127.0.0.1 always is, but with -cli")
	if err := parse(fs, args); err != nil {
		return err
	}
	l, kind, err := f.leaf()
	if err != nil {
		return err
	}
	ca, key := f.ca, f.key
	if ca == "" {
		ca = f.domain + "-agent-ca.pem"
	}
	if key == "" {
		key = f.domain + "-agent-ca-key.pem"
	}
	signer, err := readAuthority(ca, key)
	if err != nil {
		return err
	}
	pair, err := signer.Issue(l)
	if err != nil {
		return fmt.Errorf("cannot make the certificate with %s: %w", ca, err)
	}
	if f.server {
		fmt.Fprintln(c.Out, "==> WARNING: with the certificate of a server an agent has a vote and the whole state.\n    Give it to servers only, and keep its key as you keep the authority's.")
	}
	fmt.Fprintf(c.Out, "==> Using %s and %s\n", ca, key)
	return saveNext(c, fmt.Sprintf("%s-%s-%s-", f.dc, kind, f.domain), pair)
}

// leaf is the certificate that the flags describe, and its kind as the names of files have it.
func (f *leafFlags) leaf() (l issue.Leaf, kind string, err error) {
	chosen := 0
	for word, is := range map[string]bool{"server": f.server, "client": f.client, "cli": f.cli} {
		if is {
			kind = word
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return l, "", verb.UsageError("want one of -server, -client and -cli")
	case f.node != "" && !f.server:
		return l, "", verb.UsageError("-node goes with -server")
	case f.days < 1:
		return l, "", verb.UsageError("-days must be at least 1")
	case badName(f.dc), badName(f.domain):
		return l, "", verb.UsageError(fmt.Sprintf("-dc %q and -domain %q cannot be parts of a name", f.dc, f.domain))
	}
	l = issue.Leaf{Names: []string{kind + "." + f.dc + "." + f.domain}, Server: !f.cli, For: time.Duration(f.days) * day}
	if f.node != "" {
		l.Names = append(l.Names, f.node+".server."+f.dc+"."+f.domain)
	}
	l.Names = append(append(l.Names, *f.names...), "localhost")
	for _, s := range *f.addresses {
		ip := net.ParseIP(s)
		if ip == nil {
			return l, "", verb.UsageError(fmt.Sprintf("-additional-ipaddress %q is not an IP address", s))
		}
		l.Addresses = append(l.Addresses, ip)
	}
	if !f.cli {
		l.Addresses = append(l.Addresses, net.IPv4(127, 0, 0, 1))
	}
	return l, kind, nil
}

func parse(fs *flag.FlagSet, args []string) error {
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	return verb.WantArgs(fs, 0, 0, "no arguments")
}

// badName reports whether s can stand neither in a DNS name nor in the name of a file.
func badName(s string) bool {
	return s == "" || strings.ContainsAny(s, "/\\ \x00") || strings.HasPrefix(s, ".")
}

func readAuthority(ca, key string) (*issue.Signer, error) {
	var p issue.Pair
	var err error
	if p.Certificate, err = os.ReadFile(ca); err != nil {
		return nil, fmt.Errorf("cannot read the authority's certificate: %w; make one with `holdfast tls ca create`, or name it with -ca", err)
	}
	if p.Key, err = os.ReadFile(key); err != nil {
		return nil, fmt.Errorf("cannot read the authority's key: %w; name it with -key", err)
	}
	s, err := issue.Read(p)
	if err != nil {
		return nil, fmt.Errorf("%s and %s are no authority: %w", ca, key, err)
	}
	return s, nil
}

// save writes both files of a pair, or neither, and never over another.
func save(c *verb.Console, base string, p issue.Pair) error {
	certificate, key := base+".pem", base+"-key.pem"
	if err := create(certificate, p.Certificate, 0o644); err != nil {
		return err
	}
	if err := create(key, p.Key, 0o600); err != nil {
		_ = os.Remove(certificate) // it is of no use alone
		return err
	}
	fmt.Fprintf(c.Out, "==> Saved %s\n==> Saved %s\n", certificate, key)
	return nil
}

// saveNext saves under the first number of which neither file is there.
func saveNext(c *verb.Console, prefix string, p issue.Pair) error {
	for n := 0; ; n++ {
		if err := save(c, fmt.Sprint(prefix, n), p); !errors.Is(err, os.ErrExist) {
			return err
		}
	}
}

func create(name string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already and stays as it is: move it away, or work in another directory: %w", name, os.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("cannot write: %w", err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name) // half a file is none
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return nil
}
