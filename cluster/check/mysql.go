package check

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/mysql"
)

// mysqlServer asks a MySQL or MariaDB server, over a connection of its own each time: that one can still be had is a part of the answer.
type mysqlServer struct {
	*cluster.DatabaseCheck
	tls func() *tls.Config
}

func (m *mysqlServer) probe(ctx context.Context) Result {
	db, err := m.open()
	if err != nil {
		return Result{cluster.Critical, err.Error()}
	}
	defer db.Close()
	s, err := m.ask(ctx, db)
	if err != nil {
		return Result{cluster.Critical, fmt.Sprintf("MySQL at %s: %s", m.address(), err)}
	}
	return s.judge(m.DatabaseCheck)
}

func (m *mysqlServer) address() string { return cluster.HostPort(m.Address, "3306") }

func (m *mysqlServer) open() (*sql.DB, error) {
	pass, err := password(m.DatabaseCheck)
	if err != nil {
		return nil, err
	}
	login := mysql.Login{Address: m.address(), User: m.User, Password: pass, Database: m.Database}
	if m.UseTLS {
		login.TLS = m.tls()
	}
	db, err := mysql.Open(login)
	if err != nil {
		return nil, fmt.Errorf("MySQL at %s: %w", m.address(), err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// ask finds out who the server is and what it does.
func (m *mysqlServer) ask(ctx context.Context, db *sql.DB) (*server, error) {
	vars, err := m.variables(ctx, db)
	if err != nil {
		return nil, err
	}
	brand, version := "MySQL", vars["version"]
	if v, _, ok := strings.Cut(version, "-MariaDB"); ok {
		brand, version = "MariaDB", v
	}
	s := &server{what: fmt.Sprintf("%s %s at %s", brand, version, m.address()), why: "read_only is OFF"}
	for _, name := range []string{"read_only", "super_read_only"} {
		if v := vars[name]; v != "" && v != "OFF" && v != "0" {
			s.replica, s.why = true, name+" is "+v
		}
	}
	if m.MaxLag > 0 {
		err = m.replication(ctx, db, s)
	}
	return s, err
}

func (m *mysqlServer) variables(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'read_only', 'super_read_only')")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, rows.Err()
}

// replication asks how far the server is behind the one that it follows.
func (m *mysqlServer) replication(ctx context.Context, db *sql.DB, s *server) error {
	row, err := mysql.Replication(ctx, db)
	if err != nil || row == nil {
		return err
	}
	s.following = true
	behind := row["Seconds_Behind_Master"]
	if behind == "" {
		s.stopped = cmp.Or(row["Last_SQL_Error"], row["Last_IO_Error"], "a thread of its replication does not run")
		return nil
	}
	n, err := strconv.ParseInt(behind, 10, 64)
	s.lag = time.Duration(n) * time.Second
	return err
}
