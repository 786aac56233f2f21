package check

import (
	"fmt"
	"os"
	"strings"
	"time"

	"holdfast/cluster"
)

// server is what was found out about a database server.
type server struct {
	what      string // "MariaDB 10.11.6 at 127.0.0.1:3306"
	replica   bool   // it takes no writes
	why       string // how that shows: "read_only is ON"
	following bool   // it replicates from another, as far as that was asked
	lag       time.Duration
	stopped   string // why the lag is not known, "" where it is
}

// judge says whether a server is what the check wants.
func (s *server) judge(want *cluster.DatabaseCheck) Result {
	role := cluster.RolePrimary
	if s.replica {
		role = cluster.RoleReplica
	}
	text := fmt.Sprintf("%s is a %s: %s", s.what, role, s.why)
	if want.Role != "" && want.Role != role {
		return Result{cluster.Critical, text + "; wanted a " + want.Role}
	}
	if want.MaxLag == 0 || !s.following && role == cluster.RolePrimary {
		return Result{cluster.Passing, text}
	}
	switch {
	case !s.following:
		return Result{cluster.Critical, text + "; it does not replicate from anywhere"}
	case s.stopped != "":
		return Result{cluster.Critical, text + "; how far it is behind is not known: " + s.stopped}
	case s.lag > want.MaxLag:
		return Result{cluster.Critical, fmt.Sprintf("%s; it is %s behind, more than %s", text, s.lag.Round(time.Millisecond), want.MaxLag)}
	}
	return Result{cluster.Passing, fmt.Sprintf("%s; it is %s behind", text, s.lag.Round(time.Millisecond))}
}

// password is what the check gives or its file holds.
func password(d *cluster.DatabaseCheck) (string, error) {
	if d.PasswordFile == "" {
		return d.Password, nil
	}
	b, err := os.ReadFile(d.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("cannot read password_file: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
