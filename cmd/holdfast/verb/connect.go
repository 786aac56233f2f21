package verb

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ClientFlags are the flags that every client verb has.
type ClientFlags struct {
	addr, token, tokenFile          string
	datacenter                      string
	stale                           bool
	caFile, caPath, cert, key, name string
}

// Register declares the flags.
func (f *ClientFlags) Register(c *Console, fs *flag.FlagSet) {
	fs.StringVar(&f.addr, "http-addr", cmp.Or(c.setting("HTTP_ADDR"), defaultHTTPAddr), "`address` of the agent's HTTP API: host:port, http://host:port, https://host:port or unix:///path")
	fs.StringVar(&f.token, "token", "", "ACL `token`; else it is read from HOLDFAST_HTTP_TOKEN")
	fs.StringVar(&f.tokenFile, "token-file", "", "`file` with the ACL token; else HOLDFAST_HTTP_TOKEN_FILE names one")
	fs.StringVar(&f.datacenter, "datacenter", "", "`name` of the datacenter to ask; else the agent's own")
	fs.BoolVar(&f.stale, "stale", false, "let the agent answer from what it knows, also where there is no leader")
	fs.StringVar(&f.caFile, "ca-file", "", "`file` with the certificates that the agent's is signed by; else HOLDFAST_CACERT")
	fs.StringVar(&f.caPath, "ca-path", "", "`directory` of such files; else HOLDFAST_CAPATH")
	fs.StringVar(&f.cert, "client-cert", "", "`file` with the certificate to show the agent; else HOLDFAST_CLIENT_CERT")
	fs.StringVar(&f.key, "client-key", "", "`file` with its key; else HOLDFAST_CLIENT_KEY")
	fs.StringVar(&f.name, "tls-server-name", "", "`name` that the agent's certificate must have, if not the address's; else HOLDFAST_TLS_SERVER_NAME")
	for _, silent := range []string{"namespace", "ns", "partition"} {
		if fs.Lookup(silent) == nil {
			fs.String(silent, "", "")
		}
	}
}

// isClientFlag is whether every client verb has this flag.
func isClientFlag(name string) bool {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	(&ClientFlags{}).Register(&Console{Env: func(string) string { return "" }}, fs)
	f := fs.Lookup(name)
	return f != nil && f.Usage != ""
}

// Client is the client that the flags and the environment describe.
func (f *ClientFlags) Client(c *Console) (*Client, error) {
	token := f.token
	if file := cmp.Or(f.tokenFile, c.setting("HTTP_TOKEN_FILE")); token == "" && file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the token file: %w", err)
		}
		token = strings.TrimSpace(string(b))
	}
	cl := &Client{addr: f.addr, token: cmp.Or(token, c.setting("HTTP_TOKEN")), query: url.Values{}}
	if f.datacenter != "" {
		cl.query.Set("dc", f.datacenter)
	}
	if f.stale {
		cl.query.Set("stale", "")
	}
	if user, password, _ := strings.Cut(c.setting("HTTP_AUTH"), ":"); user != "" {
		cl.auth = url.UserPassword(user, password)
	}
	t := &http.Transport{}
	var err error
	if t.TLSClientConfig, err = f.tls(c); err != nil {
		return nil, err
	}
	cl.base = f.base(c, t)
	cl.http = &http.Client{Transport: t, Timeout: clientTimeout}
	return cl, nil
}

// base is the beginning of every URL. For a socket the transport goes there.
func (f *ClientFlags) base(c *Console, t *http.Transport) string {
	base := f.addr
	if path, ok := strings.CutPrefix(base, "unix://"); ok {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
		base = "http://unix"
	}
	if on, err := strconv.ParseBool(c.setting("HTTP_SSL")); err == nil && on && !strings.HasPrefix(f.addr, "unix://") {
		base = "https://" + strings.TrimPrefix(strings.TrimPrefix(base, "http://"), "https://") // as Consul's: TLS that was asked for is not given up
	}
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	return strings.TrimSuffix(base, "/")
}

// tls is whom the client believes, and who it is.
func (f *ClientFlags) tls(c *Console) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(f.name, c.setting("TLS_SERVER_NAME"))}
	if verify, err := strconv.ParseBool(c.setting("HTTP_SSL_VERIFY")); err == nil && !verify {
		t.InsecureSkipVerify = true //nolint:gosec // asked for
	}
	files, err := f.authorities(c)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the certificates of -ca-file: %w", err)
		}
		if t.RootCAs == nil {
			t.RootCAs = x509.NewCertPool()
		}
		if !t.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("there is no certificate in %s: want PEM", file)
		}
	}
	cert, key := cmp.Or(f.cert, c.setting("CLIENT_CERT")), cmp.Or(f.key, c.setting("CLIENT_KEY"))
	if cert == "" && key == "" {
		return t, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cannot use -client-cert %q with -client-key %q: %w", cert, key, err)
	}
	t.Certificates = []tls.Certificate{pair}
	return t, nil
}

func (f *ClientFlags) authorities(c *Console) ([]string, error) {
	if file := cmp.Or(f.caFile, c.setting("CACERT")); file != "" {
		return []string{file}, nil
	}
	dir := cmp.Or(f.caPath, c.setting("CAPATH"))
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read the certificates of -ca-path: %w", err)
	}
	entries = slices.DeleteFunc(entries, os.DirEntry.IsDir)
	files := make([]string, 0, len(entries))
	for _, e := range entries {
		files = append(files, filepath.Join(dir, e.Name()))
	}
	return files, nil
}

// Connect parses the flags of a client verb, those in fs and those that all have, wants from least to most arguments, and answers the client.
func Connect(c *Console, fs *flag.FlagSet, args []string, least, most int, what string) (*Client, error) {
	var f ClientFlags
	f.Register(c, fs)
	if err := cmp.Or(ParseFlags(fs, args), WantArgs(fs, least, most, what)); err != nil {
		return nil, err
	}
	return f.Client(c)
}

// ConnectArgs parses the flags of a client verb that has no others, and hands over its arguments.
func ConnectArgs(c *Console, args []string) (*Client, []string, error) {
	fs := c.Flags()
	var f ClientFlags
	f.Register(c, fs)
	if err := ParseFlags(fs, args); err != nil {
		return nil, nil, err
	}
	cl, err := f.Client(c)
	return cl, fs.Args(), err
}

// Other is the client of another agent, whose address and token the user has given apart from those of the flags.
func Other(c *Console, addr, token string) (*Client, error) {
	as := &Console{Env: func(name string) string {
		if strings.HasPrefix(name, "CONSUL_") { // what is set for Consul's own tools is meant for it
			return c.Env(name)
		}
		return ""
	}}
	f := ClientFlags{addr: addr, token: token}
	return f.Client(as)
}
