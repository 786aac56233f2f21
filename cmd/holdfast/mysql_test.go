package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"holdfast/failover/lab"
	"holdfast/failover/lab/rootless"
)

// databases are the three machines of examples/mysql, with its very files.
type databases struct {
	lab     *lab.Lab
	dir     string
	servers map[string]*lab.Process
}

// openDatabases starts mariadbd on n1 and n2, and a daemon on all three.
func openDatabases(t *testing.T) *databases {
	t.Helper()
	if able, err := rootless.Able(); err != nil || !able {
		t.Skip("this test makes network namespaces: run it as root")
	}
	for _, program := range []string{"mariadbd", "mariadb-install-db"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: apt-get install mariadb-server", program)
		}
	}
	l, err := lab.New(lab.Options{Machines: []string{"n1", "n2", "n3"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := &databases{lab: l, dir: t.TempDir(), servers: map[string]*lab.Process{}}
	t.Cleanup(func() {
		if t.Failed() {
			d.showLogs(t)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	d.install(t)
	for i, n := range []string{"n1", "n2", "n3"} {
		if i < 2 {
			d.run(t, n, "cp", "-r", filepath.Join(d.dir, "template"), filepath.Join(d.dir, n, "mysql"))
			d.startServer(t, n)
		}
		d.startDaemon(t, n)
	}
	return d
}

// run runs a program on a machine to its end.
func (d *databases) run(t *testing.T, machine string, args ...string) {
	t.Helper()
	log := d.logOf(t, machine+"-"+filepath.Base(args[0]))
	defer log.Close()
	p, err := d.lab.Machine(machine).Start(t.Context(), args, lab.StartOptions{Stdout: log, Stderr: log})
	if err == nil {
		err = p.Wait(t.Context())
	}
	if err != nil {
		t.Fatalf("%s: %v", args, err)
	}
}

// install makes an empty database, and gives each machine a /srv of its own.
func (d *databases) install(t *testing.T) {
	t.Helper()
	for _, n := range []string{"n1", "n2", "n3"} {
		if err := os.MkdirAll(filepath.Join(d.dir, n), 0o700); err != nil {
			t.Fatal(err)
		}
		d.run(t, n, "mount", "--bind", filepath.Join(d.dir, n), "/srv")
	}
	d.run(t, "n1", "mariadb-install-db", "--no-defaults", "--user=root", "--auth-root-authentication-method=normal", "--skip-test-db", "--datadir="+filepath.Join(d.dir, "template"))
}

func (d *databases) logOf(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(d.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (d *databases) showLogs(t *testing.T) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(d.dir, "*.log"))
	for _, name := range logs {
		b, _ := os.ReadFile(name)
		t.Logf("--- %s\n%s", filepath.Base(name), b[max(0, len(b)-6000):])
	}
}

const exampleDir = "../../examples/mysql"

func (d *databases) startServer(t *testing.T, n string) {
	t.Helper()
	conf, err := filepath.Abs(exampleDir + "/my.cnf")
	if err != nil {
		t.Fatal(err)
	}
	log := d.logOf(t, n+"-mariadbd")
	defer log.Close()
	p, err := d.lab.Machine(n).Start(t.Context(), []string{
		"mariadbd", "--defaults-file=" + conf, "--user=root", "--datadir=/srv/mysql", "--socket=/srv/mysql.sock", "--pid-file=/srv/mysql.pid", "--server-id=" + n[1:],
		"--init-file=" + filepath.Join(filepath.Dir(conf), "init.sql"), "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--performance-schema=0",
	}, lab.StartOptions{Stdout: log, Stderr: log})
	if err != nil {
		t.Fatal(err)
	}
	d.servers[n] = p
}

func (d *databases) startDaemon(t *testing.T, n string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{self, "agent", "-config-file", exampleDir + "/common.hcl", "-config-file", exampleDir + "/" + n + ".hcl"}
	switch _, err := exec.LookPath("haproxy"); {
	case n != "n3":
		args = append(args, "-config-file", exampleDir+"/database.hcl")
	case err == nil:
		d.run(t, n, "cp", exampleDir+"/haproxy.ctmpl", "/srv/")
		args = append(args, "-config-file", exampleDir+"/haproxy.hcl")
	}
	log := d.logOf(t, n+"-holdfast")
	defer log.Close()
	if _, err := d.lab.Machine(n).Start(t.Context(), args, lab.StartOptions{Env: append(os.Environ(), asHoldfast+"=1"), Stdout: log, Stderr: log}); err != nil {
		t.Fatal(err)
	}
}

// connect is a pool of connections from the client to an address.
func (d *databases) connect(t *testing.T, user, password, addr string) *sql.DB {
	t.Helper()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Addr, cfg.Net = user, password, addr, "tcp"
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = 25*time.Second, 25*time.Second, 25*time.Second
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return d.lab.Client().Dial(ctx, network, addr)
	}
	cfg.Logger = silent{}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type silent struct{}

func (silent) Print(...any) {}

// writing is a client that writes rows through a proxy as fast as it can, and notes those that were acknowledged.
type writing struct {
	mu    sync.Mutex // guards following
	acked []int64
	last  string // the machine that took the newest
}

func (w *writing) run(ctx context.Context, db *sql.DB, from int64) {
	for id := from; ctx.Err() == nil; id++ {
		_, err := db.ExecContext(ctx, "INSERT INTO app.t VALUES (?, @@server_id)", id)
		if err != nil {
			continue // what became of the row is not known: the next has another number
		}
		var machine string
		_ = db.QueryRowContext(ctx, "SELECT machine FROM app.t WHERE id = ?", id).Scan(&machine)
		w.mu.Lock()
		w.acked = append(w.acked, id)
		if machine != "" {
			w.last = "n" + machine
		}
		w.mu.Unlock()
	}
}

func (w *writing) now() (rows int, by string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked), w.last
}

func (w *writing) all() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.acked)
}

// writes waits until rows are taken by a machine ("" for any) from now on.
func (w *writing) writes(t *testing.T, by string) {
	t.Helper()
	w.mu.Lock()
	w.last = ""
	before := len(w.acked)
	w.mu.Unlock()
	start := time.Now()
	eventually(t, "clients write to "+by, func() bool {
		n, m := w.now()
		return n > before && m != "" && (by == "" || m == by)
	})
	t.Logf("clients write to %s after %s", by, time.Since(start).Round(10*time.Millisecond))
}

// follow has n3 read the binary log of n1, as a replica does whose connection has stayed from another time. It gives how many on n3 do so.
func (d *databases) follow(ctx context.Context, t *testing.T) func() int {
	t.Helper()
	log := d.logOf(t, "n3-mariadb-binlog")
	defer log.Close()
	if _, err := d.lab.Machine("n3").Start(ctx, []string{
		"mariadb-binlog", "--no-defaults", "--read-from-remote-server", "--stop-never", "--host=10.77.0.11", "--user=replica", "--password=change-me-too", "binlog.000001",
	}, lab.StartOptions{Stderr: log}); err != nil {
		t.Fatal(err)
	}
	n1 := d.connect(t, "holdfast", "change-me", "10.77.0.11:3306")
	return func() int {
		n := -1
		_ = n1.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%' AND HOST LIKE '10.77.0.13:%'").Scan(&n)
		return n
	}
}

// watchWriters asks both servers all the time whether they are writable, and tells when both were.
func (d *databases) watchWriters(ctx context.Context, t *testing.T) (both *[]string, wait func()) {
	t.Helper()
	both = &[]string{}
	a, b := d.connect(t, "holdfast", "change-me", "10.77.0.11:3306"), d.connect(t, "holdfast", "change-me", "10.77.0.12:3306")
	writable := func(db *sql.DB) bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		var readOnly int
		return db.QueryRowContext(ctx, "SELECT @@GLOBAL.read_only").Scan(&readOnly) == nil && readOnly == 0
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			// The first is asked again: what was so before and after was so in between.
			if writable(a) && writable(b) && writable(a) {
				*both = append(*both, time.Now().Format(time.TimeOnly))
			}
			<-time.After(20 * time.Millisecond)
		}
	})
	return both, wg.Wait
}

// TestMySQLExample moves the group to the replica as planned, kills that primary, lets it come back, and then takes the power of the other: clients write again each time, what was
// acknowledged is there, and never are two writable at once.
func TestMySQLExample(t *testing.T) {
	d := openDatabases(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	through := d.connect(t, "app", "app", "10.77.0.13:6033")
	through.SetMaxOpenConns(4)
	w := &writing{}
	var writers sync.WaitGroup
	eventually(t, "the first client is served", func() bool { return through.PingContext(ctx) == nil })
	for i := range int64(3) {
		writers.Go(func() { w.run(ctx, through, i*1_000_000_000) })
	}
	both, watched := d.watchWriters(ctx, t)
	w.writes(t, "n1")
	replica := d.connect(t, "app", "app", "10.77.0.12:3306")
	eventually(t, "n2 has the rows, and semi-synchronous replication is on", func() bool {
		var n int
		return replica.QueryRowContext(ctx, "SELECT COUNT(*) FROM app.t").Scan(&n) == nil && n > 0 && d.semiSync(ctx, t, "10.77.0.11:3306")
	})

	d.plannedMove(ctx, t, w, "n1", "n2")

	followed := d.follow(ctx, t)
	eventually(t, "n1 is followed", func() bool { return followed() == 1 })
	if err := d.servers["n2"].Kill(); err != nil {
		t.Fatal(err)
	}
	w.writes(t, "n1")
	eventually(t, "n1 has let go of who followed it before", func() bool { return followed() == 0 })
	d.throughHAProxy(ctx, t, 1)
	d.holds(ctx, t, w, "10.77.0.11:3306")

	d.startServer(t, "n2")
	eventually(t, "n2 is a replica again, and acknowledges", func() bool { return d.semiSync(ctx, t, "10.77.0.11:3306") })
	acked := w.all() // what was acknowledged while there was no replica lies on n1 alone until it has been sent
	eventually(t, "n2 has caught up", func() bool {
		lost, err := d.missing(ctx, t, acked, "10.77.0.12:3306")
		return err == nil && lost == 0
	})
	if err := d.lab.Machine("n1").PowerOff(); err != nil {
		t.Fatal(err)
	}
	w.writes(t, "n2")
	d.throughHAProxy(ctx, t, 2)
	stop()
	writers.Wait()
	watched()
	d.holds(t.Context(), t, w, "10.77.0.12:3306")
	if len(*both) > 0 {
		t.Errorf("both servers were writable at %v", *both)
	}
}

// plannedMove moves the group in two seconds, under clients that write through a proxy: the replica has every row that was acknowledged, the timeline
// tells that the old primary was read-only before the new one was writable, and the old one follows and takes no rows any more.
func (d *databases) plannedMove(ctx context.Context, t *testing.T, w *writing, from, to string) {
	t.Helper()
	const ahead = 2 * time.Second
	asked := time.Now()
	verbOn(ctx, t, d.lab.Machine("n3"), "group", "move", "db", to, "-in", ahead.String())
	w.writes(t, to)
	if took := time.Since(asked); took < ahead {
		t.Errorf("the group was moved after %s, and was to be in %s", took, ahead)
	}
	addr := map[string]string{"n1": "10.77.0.11:3306", "n2": "10.77.0.12:3306"}
	d.holds(ctx, t, w, addr[to])
	if _, err := d.connect(t, "app", "app", addr[from]).ExecContext(ctx, "INSERT INTO app.t VALUES (?, @@server_id)", -haproxyRows.Add(1)); err == nil {
		t.Errorf("%s takes rows still", from)
	}
	eventually(t, fmt.Sprintf("the timeline tells that %s was read-only before %s was writable", from, to), func() bool {
		told := verbOn(ctx, t, d.lab.Machine("n3"), "timeline", "db")
		ended, begun := strings.LastIndex(told, "is read-only"), strings.LastIndex(told, "is the primary")
		return ended >= 0 && begun > ended && strings.Contains(told[:ended], "the move that an operator planned was due: to "+to)
	})
	eventually(t, from+" is a replica, and acknowledges", func() bool { return d.semiSync(ctx, t, addr[to]) })
	acked := w.all()
	eventually(t, from+" has caught up", func() bool {
		lost, err := d.missing(ctx, t, acked, addr[from])
		return err == nil && lost == 0
	})
}

// throughHAProxy waits until the HAProxy whose config is rendered passes a client to a writer, and wants it to be this one.
func (d *databases) throughHAProxy(ctx context.Context, t *testing.T, server int) {
	t.Helper()
	if _, err := exec.LookPath("haproxy"); err != nil {
		t.Log("haproxy is not installed: the rendered one is left out")
		return
	}
	db := d.connect(t, "app", "app", "10.77.0.13:6034")
	defer db.Close()
	db.SetMaxIdleConns(0)
	start, id := time.Now(), -haproxyRows.Add(1)
	eventually(t, "a client writes through HAProxy", func() bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		var by int
		if _, err := db.ExecContext(ctx, "REPLACE INTO app.t VALUES (?, @@server_id)", id); err != nil {
			return false
		}
		return db.QueryRowContext(ctx, "SELECT machine FROM app.t WHERE id = ?", id).Scan(&by) == nil && by == server
	})
	t.Logf("clients write to n%d through HAProxy after %s more", server, time.Since(start).Round(10*time.Millisecond))
}

// haproxyRows numbers the rows that are written through HAProxy, below those of the other clients.
var haproxyRows atomic.Int64

// semiSync reports whether a primary waits for a replica.
func (d *databases) semiSync(ctx context.Context, t *testing.T, addr string) bool {
	t.Helper()
	db := d.connect(t, "holdfast", "change-me", addr)
	defer db.Close()
	for _, want := range []struct{ name, value string }{{"Rpl_semi_sync_master_status", "ON"}, {"Rpl_semi_sync_master_clients", "1"}} {
		var name, value string
		if err := db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE '"+want.name+"'").Scan(&name, &value); err != nil || value != want.value {
			return false
		}
	}
	return true
}

// holds wants a server to have all rows that were acknowledged until now.
func (d *databases) holds(ctx context.Context, t *testing.T, w *writing, addr string) {
	t.Helper()
	acked := w.all()
	lost, err := d.missing(ctx, t, acked, addr)
	if err != nil || lost > 0 {
		t.Errorf("%d of %d acknowledged rows are not on %s (%v)", lost, len(acked), addr, err)
	}
	t.Logf("%d acknowledged rows are on %s", len(acked)-lost, addr)
}

// missing is how many of these rows a server does not have.
func (d *databases) missing(ctx context.Context, t *testing.T, want []int64, addr string) (lost int, err error) {
	t.Helper()
	db := d.connect(t, "app", "app", addr)
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT id FROM app.t")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	have := map[int64]bool{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return 0, err
		}
		have[id] = true
	}
	for _, id := range want {
		if !have[id] {
			lost++
		}
	}
	return lost, rows.Err()
}
