package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
)

// stub is a server that knows some statements.
type stub map[string]answer

type answer struct {
	names  []string
	values []driver.Value
	err    error
}

func (s stub) Connect(context.Context) (driver.Conn, error) { return conn{s}, nil }
func (s stub) Driver() driver.Driver                        { return nil }

type conn struct{ s stub }

func (conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not asked for") }
func (conn) Close() error                        { return nil }
func (conn) Begin() (driver.Tx, error)           { return nil, errors.New("not asked for") }

func (c conn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	a, known := c.s[query]
	if !known {
		return nil, &mysql.MySQLError{Number: parseError, Message: "You have an error in your SQL syntax"}
	}
	return &rows{a}, a.err
}

type rows struct{ a answer }

func (r *rows) Columns() []string { return r.a.names }
func (r *rows) Close() error      { return nil }
func (r *rows) Next(dest []driver.Value) error {
	if r.a.values == nil {
		return io.EOF
	}
	copy(dest, r.a.values)
	r.a.values = nil
	return nil
}

// TestReplication holds that servers of every age are understood alike.
func TestReplication(t *testing.T) {
	want := map[string]string{"Master_Host": "a", "Slave_SQL_Running": "Yes", "Replicate_Do_DB": "", "Seconds_Behind_Master": ""}
	for name, tt := range map[string]struct {
		s    stub
		want map[string]string
		err  string
	}{
		"new":          {stub{"SHOW REPLICA STATUS": {names: []string{"Source_Host", "Replica_SQL_Running", "Replicate_Do_DB", "Seconds_Behind_Source"}, values: []driver.Value{"a", "Yes", "", nil}}}, want, ""},
		"old":          {stub{"SHOW SLAVE STATUS": {names: []string{"Master_Host", "Slave_SQL_Running", "Replicate_Do_DB", "Seconds_Behind_Master"}, values: []driver.Value{"a", "Yes", "", nil}}}, want, ""},
		"follows none": {stub{"SHOW REPLICA STATUS": {names: []string{"Source_Host"}}}, nil, ""},
		"may not":      {stub{"SHOW REPLICA STATUS": {err: errors.New("denied")}}, nil, "denied"},
	} {
		db := sql.OpenDB(tt.s)
		got, err := Replication(t.Context(), db)
		_ = db.Close()
		text := ""
		if err != nil {
			text = err.Error()
		}
		if d := cmp.Diff(tt.want, got); d != "" || text != tt.err {
			t.Errorf("%s: %q, -want +got\n%s", name, text, d)
		}
	}
}
