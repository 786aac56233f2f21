package database

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"holdfast/cluster/mysql"
)

// Options say which server it is, and what it replicates from.
type Options struct {
	Address      string // "127.0.0.1:3306", or the path of a socket
	User         string // with the rights to set global variables, to kill connections, and to replicate
	Password     string
	PasswordFile string // instead of Password, read each time

	From                string // "10.77.0.100:3306", which a replica replicates from; "" for: somebody else sees to that
	ReplicationUser     string
	ReplicationPassword string
	ReplicationFile     string // instead of ReplicationPassword

	Settle  time.Duration // between the lease and the server's becoming writable
	Every   time.Duration // how often the role is looked at
	Timeout time.Duration // of one question
}

// server is one conversation with a database server.
type server struct {
	*sql.DB
	maria bool
}

func secret(text, file string) (string, error) {
	if file == "" {
		return text, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("cannot read a password: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// open connects, and finds out what kind of server it is.
func open(ctx context.Context, o *Options) (*server, error) {
	pass, err := secret(o.Password, o.PasswordFile)
	if err != nil {
		return nil, err
	}
	db, err := mysql.Open(mysql.Login{Address: o.Address, User: o.User, Password: pass})
	if err != nil {
		return nil, err
	}
	s := &server{DB: db}
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("the server at %s does not answer: %w", o.Address, err)
	}
	s.maria = strings.Contains(version, "MariaDB")
	return s, nil
}

// all executes statements in order, up to the first that fails.
func (s *server) all(ctx context.Context, statements ...string) error {
	for _, q := range statements {
		if _, err := s.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", verbOf(q), err)
		}
	}
	return nil
}

// verbOf is a statement without what may be secret in it.
func verbOf(q string) string {
	if i := strings.Index(q, " TO "); i > 0 {
		return q[:i]
	}
	return q
}

func (s *server) writable(ctx context.Context) (bool, error) {
	var readOnly int
	err := s.QueryRowContext(ctx, "SELECT @@GLOBAL.read_only").Scan(&readOnly)
	return readOnly == 0, err
}

// words are the server's own for a replica, and for changing whom it follows.
func (s *server) words() (replica, change string) {
	if s.maria {
		return "SLAVE", "CHANGE MASTER"
	}
	return "REPLICA", "CHANGE REPLICATION SOURCE"
}

// replication is what the server says of its replication, nil where it does not replicate.
func (s *server) replication(ctx context.Context) (map[string]string, error) {
	return mysql.Replication(ctx, s.DB)
}

// applied reports whether all whole transactions that were received are applied. Positions in files would not do: the end of one that was cut off
// is received, and never applied.
func (s *server) applied(ctx context.Context, r map[string]string) (yes bool, err error) {
	if r == nil {
		return true, nil
	}
	query, received := "SELECT GTID_SUBSET(?, @@GLOBAL.gtid_executed)", r["Retrieved_Gtid_Set"]
	if s.maria {
		query, received = "SELECT ? = @@GLOBAL.gtid_slave_pos", r["Gtid_IO_Pos"]
	}
	err = s.QueryRowContext(ctx, query, received).Scan(&yes)
	return yes, err
}

// deafen has the server receive nothing any more. That may take a while, where it is just connecting.
func (s *server) deafen(ctx context.Context) error {
	replica, _ := s.words()
	r, err := s.replication(ctx)
	if err != nil || r == nil {
		return err
	}
	if s.maria { // else it asks a primary that is not there any more to let go of it, for five seconds
		_ = s.all(ctx, "SET GLOBAL rpl_semi_sync_slave_kill_conn_timeout = 1") // older ones do not ask
	}
	return s.all(ctx, "STOP "+replica+" IO_THREAD")
}

// promote lets a deafened server apply what it has received, and makes it writable.
func (s *server) promote(ctx context.Context) error {
	replica, _ := s.words()
	r, err := s.replication(ctx)
	if err != nil {
		return err
	}
	if r != nil {
		if err := s.drain(ctx); err != nil {
			return err
		}
		if err := s.all(ctx, "STOP "+replica, "RESET "+replica+" ALL"); err != nil {
			return err
		}
	}
	// Who followed this server when it was the primary last did so through the address, which went elsewhere: nothing arrives there any more, and a
	// server that sends what is written now until nobody takes it keeps its commits waiting, for a minute. Who follows it in truth comes again.
	s.kill(ctx, replicas)
	if !s.maria {
		if err := s.all(ctx, "SET GLOBAL super_read_only = 0"); err != nil {
			return err
		}
	}
	return s.all(ctx, "SET GLOBAL read_only = 0")
}

// drain waits until all that was received is applied. One whose applying has stopped is not fit to be a primary.
func (s *server) drain(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := s.replication(ctx)
		if err != nil {
			return err
		}
		switch yes, err := s.applied(ctx, r); {
		case err != nil:
			return err
		case yes:
			return nil
		case r["Slave_SQL_Running"] == "No":
			return fmt.Errorf("it does not apply what it has received: %s", r["Last_SQL_Error"])
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it has not applied in time what it has received: %w", ctx.Err())
		}
	}
}

// demote makes the server read-only, and ends the connections of everyone who might go on writing.
func (s *server) demote(ctx context.Context) error {
	// Who holds locks would keep read_only waiting; who begins meanwhile is refused by it.
	s.kill(ctx, clients)
	statement := "SET GLOBAL read_only = 1"
	if !s.maria {
		statement = "SET GLOBAL super_read_only = 1" // it sets both
	}
	done := make(chan error, 1)
	go func() { done <- s.all(ctx, statement) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err == nil {
				s.kill(ctx, clients)
				s.handOver(ctx)
			}
			return err
		case <-tick.C:
			s.kill(ctx, clients)
		}
	}
}

// handOver lets replicas receive what was committed last: the binary log is sent as fast as they take it.
func (s *server) handOver(ctx context.Context) {
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// What kill ends.
const (
	clients = `SELECT ID FROM information_schema.PROCESSLIST
		WHERE USER <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND USER NOT IN ('system user', 'event_scheduler') AND COMMAND NOT LIKE 'Binlog Dump%' AND COMMAND <> 'Daemon'`
	replicas = `SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'`
)

// kill ends connections: those of clients, which are all but replication's and those of the user that this package itself is, or those of replicas.
func (s *server) kill(ctx context.Context, which string) {
	rows, err := s.QueryContext(ctx, which)
	if err != nil {
		return
	}
	defer rows.Close()
	var ids []uint64
	for rows.Next() {
		var id uint64
		if rows.Scan(&id) == nil {
			ids = append(ids, id)
		}
	}
	if rows.Err() != nil {
		return
	}
	for _, id := range ids {
		_, _ = s.ExecContext(ctx, "KILL CONNECTION "+strconv.FormatUint(id, 10)) // it may have ended by itself
	}
}

// follow has the server replicate, unless it does. Where it does and has stopped, it is started again.
func (s *server) follow(ctx context.Context, o *Options) error {
	replica, change := s.words()
	r, err := s.replication(ctx)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(o.From)
	if err != nil {
		return err
	}
	if r != nil && r["Master_Host"] == host && r["Master_Port"] == port {
		if r["Slave_IO_Running"] == "No" || r["Slave_SQL_Running"] == "No" {
			if text := r["Last_SQL_Error"] + r["Last_IO_Error"]; text != "" {
				_ = s.all(ctx, "START "+replica) // what stopped it may have gone
				return fmt.Errorf("its replication is stopped: %s", text)
			}
			return s.all(ctx, "START "+replica)
		}
		return nil
	}
	pass, err := secret(o.ReplicationPassword, o.ReplicationFile)
	if err != nil {
		return err
	}
	to := fmt.Sprintf("%s TO SOURCE_HOST = %s, SOURCE_PORT = %s, SOURCE_USER = %s, SOURCE_PASSWORD = %s, SOURCE_CONNECT_RETRY = 1, SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1",
		change, quote(host), port, quote(o.ReplicationUser), quote(pass))
	var first []string
	if r != nil {
		first = []string{"STOP " + replica}
	}
	if s.maria {
		to = fmt.Sprintf("%s TO MASTER_HOST = %s, MASTER_PORT = %s, MASTER_USER = %s, MASTER_PASSWORD = %s, MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos",
			change, quote(host), port, quote(o.ReplicationUser), quote(pass))
		first = append(first, "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos") // what it wrote as a primary counts
	}
	return s.all(ctx, append(first, to, "START "+replica)...)
}

// quote is a string as SQL has it, whatever the server's mode.
func quote(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'" }
