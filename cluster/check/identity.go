package check

import (
	"crypto/tls"

	"holdfast/cluster"
)

// Identity is how this agent speaks TLS with what it checks: with which certificate, and believing whom. It is asked before each run, because certificates
// change while checks go on. Where it is nil, or answers nil, a check shows none and believes the authorities of this machine.
type Identity func() *tls.Config

// speaks is how a check speaks TLS, asked before each run.
func (i Identity) speaks(d cluster.CheckDefinition) func() *tls.Config {
	return func() *tls.Config {
		c := &tls.Config{} //nolint:gosec // the library's own least version is meant
		if i != nil {
			if own := i(); own != nil {
				c = own.Clone()
			}
		}
		if d.TLSServerName != "" {
			c.ServerName = d.TLSServerName
		}
		c.InsecureSkipVerify = d.TLSSkipVerify //nolint:gosec // the user's own choice
		return c
	}
}
