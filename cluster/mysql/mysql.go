// Package mysql asks MySQL and MariaDB servers: it connects, and reads what a server says of its replication in one language, whichever words the
// server has for it. What that means is for others to say: a check judges a server, failover/database gives it a role.
package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"io"
	"log"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Login is how to reach a server.
type Login struct {
	Address        string // host:port, or the path of a socket
	User, Password string
	Database       string
	TLS            *tls.Config // nil for none; without a ServerName it is the host of the address
}

// Open prepares connections to a server. It asks nothing yet.
func Open(l Login) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName, cfg.Addr, cfg.Net = l.User, l.Password, l.Database, l.Address, "tcp"
	if strings.HasPrefix(l.Address, "/") {
		cfg.Net = "unix"
	}
	if l.TLS != nil {
		if cfg.TLS = l.TLS.Clone(); cfg.TLS.ServerName == "" {
			cfg.TLS.ServerName, _, _ = strings.Cut(l.Address, ":")
		}
	}
	cfg.Logger = log.New(io.Discard, "", 0) // what goes wrong stands in the error
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

// parseError is the code for a statement that a server does not know.
const parseError = 1064

// Replication is what a server says of the server that it follows, by the columns of SHOW SLAVE STATUS, which all servers before 2020 had and MariaDB
// has kept: Seconds_Behind_Master, Slave_SQL_Running. It is nil where it follows none. A NULL is "".
func Replication(ctx context.Context, db *sql.DB) (map[string]string, error) {
	row, err := firstRow(ctx, db, "SHOW REPLICA STATUS")
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && e.Number == parseError {
		row, err = firstRow(ctx, db, "SHOW SLAVE STATUS")
	}
	if row == nil {
		return nil, err
	}
	out := make(map[string]string, len(row))
	for name, value := range row {
		out[older.Replace(name)] = value
	}
	return out, err
}

var older = strings.NewReplacer("Replicate", "Replicate", "Source", "Master", "Replica", "Slave")

// firstRow is the first row of an answer by the names of its columns, nil where there is none.
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
