//go:build linux

package stage

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"holdfast/cluster/secure/issue"
)

// TLS makes an authority and one certificate for all machines of a cluster, with these addresses, in a directory, and answers the configuration that has them use it:
// nothing but TLS is spoken between them, and HTTPS is to be had on the usual port.
func TLS(dir string, addrs ...net.IP) (config string, err error) {
	const valid = 24 * time.Hour
	authority, err := issue.New(issue.Authority{Name: "stage", For: valid})
	if err != nil {
		return "", err
	}
	pair, err := authority.Issue(issue.Leaf{Names: []string{"server.dc1.consul", "localhost"}, Addresses: append(addrs, net.IPv4(127, 0, 0, 1)), Server: true, For: valid})
	if err != nil {
		return "", err
	}
	paths := map[string]string{}
	for name, b := range map[string][]byte{"ca": authority.Certificate, "cert": pair.Certificate, "key": pair.Key} {
		paths[name] = filepath.Join(dir, name+".pem")
		if err := os.WriteFile(paths[name], b, 0o600); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf(`ports { https = 8501 }
tls {
  defaults {
    ca_file         = %q
    cert_file       = %q
    key_file        = %q
    verify_incoming = true
    verify_outgoing = true
  }
  https { verify_incoming = false }
  internal_rpc { verify_server_hostname = true }
}
`, paths["ca"], paths["cert"], paths["key"]), nil
}
