package check

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"holdfast/cluster"
)

// mysqlServer asks a MySQL or MariaDB server, over a connection of its own each time: that one can still be had is a part of the answer.
type mysqlServer struct {
	*cluster.DatabaseCheck
	tls *tls.Config
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
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName, cfg.Addr, cfg.Net = m.User, pass, m.Database, m.address(), "tcp"
	if strings.HasPrefix(cfg.Addr, "/") {
		cfg.Net = "unix"
	}
	if m.UseTLS {
		if cfg.TLS = m.tls.Clone(); cfg.TLS.ServerName == "" {
			cfg.TLS.ServerName, _, _ = strings.Cut(cfg.Addr, ":")
		}
	}
	cfg.Logger = log.New(io.Discard, "", 0) // what goes wrong stands in the result
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("MySQL at %s: %w", m.address(), err)
	}
	db := sql.OpenDB(c)
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

// parseError is MySQL's code for a statement that it does not know.
const parseError = 1064

// replication asks how far the server is behind the one that it follows. Servers of before 2020 know the older word alone.
func (m *mysqlServer) replication(ctx context.Context, db *sql.DB, s *server) error {
	row, err := firstRow(ctx, db, "SHOW REPLICA STATUS")
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && e.Number == parseError {
		row, err = firstRow(ctx, db, "SHOW SLAVE STATUS")
	}
	if err != nil || row == nil {
		return err
	}
	s.following = true
	behind := cmp.Or(row["Seconds_Behind_Source"], row["Seconds_Behind_Master"])
	if behind == "" {
		s.stopped = cmp.Or(row["Last_SQL_Error"], row["Last_IO_Error"], "a thread of its replication does not run")
		return nil
	}
	n, err := strconv.ParseInt(behind, 10, 64)
	s.lag = time.Duration(n) * time.Second
	return err
}

// firstRow is the first row of an answer by the names of its columns, nil where there is none. A NULL is "".
func firstRow(ctx context.Context, db *sql.DB, query string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		return nil, errors.Join(err, rows.Err())
	}
	values, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	out := make(map[string]string, len(names))
	for i, name := range names {
		out[name] = values[i].String
	}
	return out, rows.Err()
}
