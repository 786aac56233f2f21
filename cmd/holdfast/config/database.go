package config

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"holdfast/cluster"
	"holdfast/failover/database"
)

// DatabaseRole is a database block; its label is the name of a group.
type DatabaseRole struct {
	Address             string `mapstructure:"address"`
	User                string `mapstructure:"user"`
	Password            string `mapstructure:"password"`
	PasswordFile        string `mapstructure:"password_file"`
	ReplicateFrom       string `mapstructure:"replicate_from"`
	ReplicationUser     string `mapstructure:"replication_user"`
	ReplicationPassword string `mapstructure:"replication_password"`
	ReplicationFile     string `mapstructure:"replication_password_file"`
}

// KeptDatabase is a database server of this machine, whose role follows a group.
type KeptDatabase struct {
	Group string
	database.Options
}

func buildDatabases(c *Config, f *File) error {
	for _, name := range slices.Sorted(maps.Keys(f.Database)) {
		b := f.Database[name]
		d, err := b.build(name)
		if err != nil {
			return err
		}
		c.Databases = append(c.Databases, d)
	}
	return nil
}

func (b *DatabaseRole) build(group string) (KeptDatabase, error) {
	d := KeptDatabase{Group: group, Options: database.Options{
		Address: b.Address, User: b.User, Password: b.Password, PasswordFile: b.PasswordFile, From: b.ReplicateFrom,
		ReplicationUser: b.ReplicationUser, ReplicationPassword: b.ReplicationPassword, ReplicationFile: b.ReplicationFile,
	}}
	switch {
	case b.Address == "":
		return d, cluster.Errorf(cluster.Invalid, "database %q has no address: name the server on this machine, as in address = \"127.0.0.1:3306\", or its socket", group)
	case !strings.HasPrefix(b.Address, "/") && !hostPort(b.Address):
		return d, cluster.Errorf(cluster.Invalid, "database %q: address %q is neither an address with a port nor the path of a socket", group, b.Address)
	case b.User == "":
		return d, cluster.Errorf(cluster.Invalid, "database %q has no user: name one that may set global variables and kill connections", group)
	case b.Password != "" && b.PasswordFile != "" || b.ReplicationPassword != "" && b.ReplicationFile != "":
		return d, cluster.Errorf(cluster.Invalid, "database %q has a password and a file with it: give one of them", group)
	case b.ReplicateFrom != "" && !hostPort(b.ReplicateFrom):
		return d, cluster.Errorf(cluster.Invalid, "database %q: replicate_from %q is not an address with a port: give the group's own, as in \"10.0.0.100:3306\"", group, b.ReplicateFrom)
	case b.ReplicateFrom != "" && b.ReplicationUser == "":
		return d, cluster.Errorf(cluster.Invalid, "database %q has replicate_from and no replication_user: name the user that replicas connect as", group)
	}
	return d, nil
}

// hostPort reports whether a text is an IP address, or localhost, with a port.
func hostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = netip.ParseAddr(host)
	n, perr := strconv.Atoi(port)
	return (err == nil || host == "localhost") && perr == nil && n > 0 && n < 65536
}
