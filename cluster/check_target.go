package cluster

import (
	"net"
	"slices"
	"strings"
	"time"
)

// DNSCheck is a question to a DNS server, and what must be in its answer.
type DNSCheck struct {
	Server string   // address, with the port unless that is 53
	Name   string   // that is asked about
	Type   string   // "A", "AAAA", "MX" …; "" means A
	Expect []string // records that the answer must have among others, as dig prints them; none means: any record
}

// DatabaseCheck names a database server, and what it must be.
type DatabaseCheck struct {
	Address      string // host:port, host alone with the usual port, or the path of a unix socket
	User         string
	Password     string
	PasswordFile string        // that holds the password; it is read for each run
	Database     string        // that is opened; "" means none, and postgres in PostgreSQL
	UseTLS       bool          // with TLSServerName and TLSSkipVerify of the check
	Role         string        // "primary", "replica" or "" for either
	MaxLag       time.Duration // behind which a replica is critical; 0 means that nobody asks
}

// The roles of a database server: one that takes writes, and one that follows another.
const (
	RolePrimary = "primary"
	RoleReplica = "replica"
)

// amiss is what is wrong with the check, "" for nothing.
func (c *DNSCheck) amiss() string {
	switch {
	case c.Server == "":
		return "dns has no server: give the address of the one to ask"
	case c.Name == "":
		return "dns has no name: give the one to ask about"
	}
	return ""
}

// amiss is what is wrong with the check, "" for nothing. kind is its key.
func (c *DatabaseCheck) amiss(kind string) string {
	switch {
	case c.Address == "":
		return kind + " has no address: give host:port or the path of a unix socket"
	case c.Password != "" && c.PasswordFile != "":
		return kind + " has both password and password_file: give one of them"
	case !slices.Contains([]string{"", RolePrimary, RoleReplica}, c.Role):
		return kind + " has the role \"" + c.Role + "\": want primary or replica, or none for either"
	case c.MaxLag < 0:
		return kind + " has a negative max_lag"
	}
	return ""
}

// HostPort is the address with a port, as it is for the path of a socket.
func HostPort(address, port string) string {
	if strings.HasPrefix(address, "/") {
		return address
	}
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), port)
}
