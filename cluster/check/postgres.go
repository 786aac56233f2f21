package check

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/cluster"
)

// postgresServer asks a PostgreSQL server, over a connection of its own each time.
type postgresServer struct {
	*cluster.DatabaseCheck
	tls func() *tls.Config
}

// askPostgres asks for the version, whether the server is in recovery, whether it receives from another, and how many seconds it is behind. One
// that has replayed all that it received is not behind while it receives; without a receiver nobody can know, and the time of the last commit that it replayed
// counts. That is NULL where it has replayed none.
const askPostgres = `SELECT current_setting('server_version'), pg_is_in_recovery(), EXISTS (SELECT FROM pg_stat_wal_receiver),
CASE WHEN NOT pg_is_in_recovery() THEN 0
WHEN EXISTS (SELECT FROM pg_stat_wal_receiver) AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END`

func (p *postgresServer) probe(ctx context.Context) Result {
	s, err := p.ask(ctx)
	if err != nil {
		return Result{cluster.Critical, fmt.Sprintf("PostgreSQL at %s: %s", p.address(), strings.Join(strings.Fields(err.Error()), " "))}
	}
	return s.judge(p.DatabaseCheck)
}

func (p *postgresServer) address() string { return cluster.HostPort(p.Address, "5432") }

func (p *postgresServer) ask(ctx context.Context) (*server, error) {
	cfg, err := p.config()
	if err != nil {
		return nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }() // it is not used again
	results, err := conn.Exec(ctx, askPostgres).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 4 {
		return nil, errors.New("it answers something else than one row")
	}
	return p.read(results[0].Rows[0])
}

func (p *postgresServer) read(row [][]byte) (*server, error) {
	version, _, _ := strings.Cut(string(row[0]), " ")
	s := &server{what: fmt.Sprintf("PostgreSQL %s at %s", version, p.address()), why: "it is not in recovery"}
	if string(row[1]) != "t" {
		return s, nil
	}
	s.replica, s.following, s.why = true, true, "it is in recovery"
	if string(row[2]) != "t" {
		s.why += ", and receives from nobody"
	}
	if row[3] == nil {
		s.stopped = "it has replayed no commit yet"
		return s, nil
	}
	seconds, err := strconv.ParseFloat(string(row[3]), 64)
	s.lag = time.Duration(max(seconds, 0) * float64(time.Second))
	return s, err
}

// config names everything that the environment of the agent could say otherwise.
func (p *postgresServer) config() (*pgconn.Config, error) {
	pass, err := password(p.DatabaseCheck)
	if err != nil {
		return nil, err
	}
	host, port := socketOf(p.address())
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var b strings.Builder
	for _, kv := range [][2]string{
		{"host", host},
		{"port", port},
		{"user", cmp.Or(p.User, "postgres")},
		{"password", pass},
		{"dbname", cmp.Or(p.Database, "postgres")},
		{"sslmode", "disable"},
		{"passfile", "/dev/null"},
		{"target_session_attrs", "any"},
		{"application_name", "holdfast"},
	} {
		fmt.Fprintf(&b, "%s='%s' ", kv[0], quote.Replace(kv[1]))
	}
	cfg, err := pgconn.ParseConfig(b.String())
	if err != nil {
		return nil, fmt.Errorf("the address, user or password cannot be used: %w", err)
	}
	if p.UseTLS && !strings.HasPrefix(host, "/") {
		if cfg.TLSConfig = p.tls(); cfg.TLSConfig.ServerName == "" {
			cfg.TLSConfig.ServerName = host
		}
	}
	cfg.Fallbacks = nil
	return cfg, nil
}

// socketOf is the host and port of an address, or the directory of a socket and the port that its name ends with.
func socketOf(address string) (host, port string) {
	if !strings.HasPrefix(address, "/") {
		host, port, _ = net.SplitHostPort(address) // HostPort has seen to it
		return host, port
	}
	if dir, name := filepath.Split(address); strings.HasPrefix(name, ".s.PGSQL.") {
		return filepath.Clean(dir), strings.TrimPrefix(name, ".s.PGSQL.")
	}
	return address, "5432"
}
