package config

import (
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
)

// Sockets says whose the unix sockets are and who may use them.
type Sockets struct {
	UID, GID int         // -1 leaves the owner as it is
	Mode     fs.FileMode // 0 leaves what the umask makes
}

func buildSockets(c *Config, f *File) (err error) {
	u := or(f.UnixSockets, UnixSockets{})
	if c.Sockets.UID, err = identity("user", or(u.User, ""), userID); err != nil {
		return err
	}
	if c.Sockets.GID, err = identity("group", or(u.Group, ""), groupID); err != nil {
		return err
	}
	if m := or(u.Mode, ""); m != "" {
		bits, err := strconv.ParseUint(m, 8, 32)
		if err != nil || bits == 0 || bits > 0o777 {
			return fmt.Errorf("unix_sockets.mode %q is not usable: write it in octal, as \"0770\"", m)
		}
		c.Sockets.Mode = fs.FileMode(bits)
	}
	return nil
}

// identity is the number of a user or group that is given by name or by number, -1 for none.
func identity(key, s string, lookup func(string) (string, error)) (int, error) {
	if s == "" {
		return -1, nil
	}
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return n, nil
	}
	id, err := lookup(s)
	if err != nil {
		return 0, fmt.Errorf("unix_sockets.%s: this machine has no %s %q", key, key, s)
	}
	return strconv.Atoi(id)
}

func userID(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func groupID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}
