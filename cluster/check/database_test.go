package check

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/cluster"
)

// account runs database servers: they refuse to run as root.
type account struct {
	t        *testing.T
	dir      string // that belongs to it
	uid, gid uint32
}

// asUser is a user's account where the test runs as root, else that of the test.
func asUser(t *testing.T, name string) *account {
	t.Helper()
	dir, err := os.MkdirTemp("", "holdfast-db-") //nolint:usetesting // t.TempDir lies below what root alone may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	a := &account{t: t, dir: dir}
	if os.Getuid() != 0 {
		return a
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Skipf("this machine has no user %s to run the server as", name)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	a.uid, a.gid = uint32(uid), uint32(gid)
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *account) path(name string) string { return filepath.Join(a.dir, name) }

func (a *account) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = a.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if a.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

// do runs a program to its end.
func (a *account) do(name string, args ...string) string {
	a.t.Helper()
	out, err := a.command(name, args...).CombinedOutput()
	if err != nil {
		a.t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// serve runs a program until the test ends.
func (a *account) serve(name string, args ...string) {
	a.t.Helper()
	log, err := os.Create(filepath.Join(a.t.TempDir(), "log"))
	if err != nil {
		a.t.Fatal(err)
	}
	cmd := a.command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGQUIT) // both servers end at once
		killed := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		killed.Stop()
		if b, err := os.ReadFile(log.Name()); err == nil && a.t.Failed() {
			a.t.Logf("--- %s\n%s", name, b)
		}
	})
}

// programs are the paths of programs, also where they are out of PATH; a test without one of them is skipped.
func programs(t *testing.T, places string, names ...string) (paths []string) {
	t.Helper()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if found, _ := filepath.Glob(filepath.Join(places, name)); len(found) > 0 {
			path, err = found[len(found)-1], nil
		}
		if err != nil {
			t.Skipf("%s is not installed", name)
		}
		paths = append(paths, path)
	}
	return paths
}

func freePort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(closedPort(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// finds waits until a check finds this.
func finds(t *testing.T, d cluster.CheckDefinition, want cluster.Status, output string) {
	t.Helper()
	var r Result
	for deadline := time.Now().Add(2 * limit); time.Now().Before(deadline); {
		p, _ := newProbe(d, nil)
		ctx, cancel := withTimeout(t, 5*time.Second)
		r = p.probe(ctx)
		cancel()
		if r.Status == want && strings.Contains(r.Output, output) {
			return
		}
		pauseFor(t, 50*time.Millisecond)
	}
	t.Errorf("the check finds %s %q, want %s %q", r.Status, r.Output, want, output)
}

func TestMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("two database servers are no unit test")
	}
	t.Parallel()
	p := programs(t, "/usr/sbin", "mariadbd", "mariadb-install-db", "mariadb")
	a := asUser(t, "mysql")
	a.do(p[1], "--no-defaults", "--datadir="+a.path("1"), "--auth-root-authentication-method=normal", "--skip-test-db")
	a.do("cp", "-a", a.path("1"), a.path("2"))
	ports := map[string]string{}
	start := func(id string) {
		ports[id] = freePort(t)
		a.serve(p[0], "--no-defaults", "--datadir="+a.path(id), "--socket="+a.path(id+".sock"), "--pid-file="+a.path(id+".pid"), "--port="+ports[id], "--bind-address=127.0.0.1",
			"--server-id="+id, "--log-bin="+a.path("bin"+id), "--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0", "--key-buffer-size=1M", "--aria-pagecache-buffer-size=1M")
	}
	query := func(id, q string) string {
		t.Helper()
		return a.do(p[2], "--no-defaults", "-u", "root", "-S", a.path(id+".sock"), "-N", "-e", q)
	}
	start("1")
	start("2")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("it's\\me\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(id, role string, lag time.Duration) cluster.CheckDefinition {
		return cluster.CheckDefinition{MySQL: &cluster.DatabaseCheck{Address: "127.0.0.1:" + ports[id], User: "watch", PasswordFile: secret, Role: role, MaxLag: lag}}
	}
	root := cluster.CheckDefinition{MySQL: &cluster.DatabaseCheck{Address: a.path("1.sock"), User: "root"}}
	finds(t, root, cluster.Passing, "is a primary: read_only is OFF")
	finds(t, cluster.CheckDefinition{MySQL: &cluster.DatabaseCheck{Address: a.path("2.sock"), User: "root"}}, cluster.Passing, "MariaDB ")
	finds(t, check("1", "", 0), cluster.Critical, "Access denied for user 'watch'")
	for _, id := range []string{"1", "2"} {
		query(id, `SET sql_log_bin = 0; CREATE USER watch@'127.0.0.1' IDENTIFIED BY 'it\'s\\me'; GRANT SLAVE MONITOR, REPLICATION SLAVE ON *.* TO watch@'127.0.0.1'`)
	}
	finds(t, check("1", "primary", 0), cluster.Passing, "is a primary")
	finds(t, check("1", "replica", 0), cluster.Critical, "wanted a replica")
	query("2", "SET GLOBAL read_only = 1")
	finds(t, check("2", "replica", 0), cluster.Passing, "is a replica: read_only is ON")
	finds(t, check("2", "primary", 0), cluster.Critical, "wanted a primary")
	finds(t, check("2", "replica", time.Second), cluster.Critical, "does not replicate")

	query("2", fmt.Sprintf(`CHANGE MASTER TO master_host='127.0.0.1', master_port=%s, master_user='watch', master_password='it\'s\\me', master_use_gtid=slave_pos; START SLAVE`, ports["1"]))
	finds(t, check("2", "replica", 10*time.Second), cluster.Passing, "it is 0s behind")
	query("2", "STOP SLAVE; CHANGE MASTER TO master_delay=1000; START SLAVE")
	query("1", "CREATE DATABASE news")
	finds(t, check("2", "", time.Second), cluster.Critical, "behind, more than 1s")
	query("2", "STOP SLAVE")
	finds(t, check("2", "", time.Second), cluster.Critical, "how far it is behind is not known: a thread of its replication does not run")

	finds(t, cluster.CheckDefinition{MySQL: &cluster.DatabaseCheck{Address: closedPort(t)}}, cluster.Critical, "connection refused")
	finds(t, cluster.CheckDefinition{MySQL: &cluster.DatabaseCheck{Address: "127.0.0.1:1", PasswordFile: "/does/not/exist"}}, cluster.Critical, "cannot read password_file")
}

func TestPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("two database servers are no unit test")
	}
	t.Parallel()
	p := programs(t, "/usr/lib/postgresql/*/bin", "postgres", "initdb", "psql", "pg_basebackup")
	a := asUser(t, "postgres")
	a.do(p[1], "-D", a.path("1"), "-U", "watch", "-A", "trust", "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C")
	ports := map[string]string{}
	start := func(id string) {
		ports[id] = freePort(t)
		a.serve(p[0], "-D", a.path(id), "-p", ports[id], "-k", a.dir, "-h", "127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=2MB", "-c", "max_wal_senders=2", "-c", "wal_level=replica", "-c", "hot_standby=on")
	}
	query := func(id, q string) {
		t.Helper()
		a.do(p[2], "-X", "-q", "-h", a.dir, "-p", ports[id], "-U", "watch", "-d", "postgres", "-c", q)
	}
	check := func(id, role string, lag time.Duration) cluster.CheckDefinition {
		return cluster.CheckDefinition{Postgres: &cluster.DatabaseCheck{Address: "127.0.0.1:" + ports[id], User: "watch", Role: role, MaxLag: lag}}
	}
	start("1")
	finds(t, check("1", "primary", time.Second), cluster.Passing, "is a primary: it is not in recovery")
	finds(t, check("1", "replica", 0), cluster.Critical, "wanted a replica")
	finds(t, cluster.CheckDefinition{Postgres: &cluster.DatabaseCheck{Address: a.path(".s.PGSQL." + ports["1"]), User: "watch"}}, cluster.Passing, "PostgreSQL ")
	finds(t, cluster.CheckDefinition{Postgres: &cluster.DatabaseCheck{Address: "127.0.0.1:" + ports["1"], User: "no'b\\ody"}}, cluster.Critical, `role "no'b\ody" does not exist`)
	finds(t, cluster.CheckDefinition{Postgres: &cluster.DatabaseCheck{Address: "127.0.0.1:" + ports["1"], User: "watch", UseTLS: true}}, cluster.Critical, "server refused TLS connection")

	a.do(p[3], "-D", a.path("2"), "-h", a.dir, "-p", ports["1"], "-U", "watch", "-R", "-c", "fast", "--no-sync")
	start("2")
	finds(t, check("2", "replica", 0), cluster.Passing, "is a replica: it is in recovery")
	finds(t, check("2", "primary", 0), cluster.Critical, "wanted a primary")
	query("1", "CREATE TABLE news ()")
	finds(t, check("2", "replica", time.Minute), cluster.Passing, "behind")
	for deadline := time.Now().Add(limit); a.command(p[2], "-X", "-h", a.dir, "-p", ports["2"], "-U", "watch", "-d", "postgres", "-c", "SELECT FROM news").Run() != nil; pauseFor(t, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the replica does not follow")
		}
	}
	query("2", "SELECT pg_wal_replay_pause()")
	query("1", "CREATE TABLE more ()")
	finds(t, check("2", "", 500*time.Millisecond), cluster.Critical, "behind, more than 500ms")
	finds(t, check("2", "", time.Hour), cluster.Passing, "behind")

	finds(t, cluster.CheckDefinition{Postgres: &cluster.DatabaseCheck{Address: closedPort(t)}}, cluster.Critical, "connection refused")
}

// TestDatabaseHangs holds that a server that takes the connection and says nothing costs the timeout and no more.
func TestDatabaseHangs(t *testing.T) {
	addr := &cluster.DatabaseCheck{Address: silent(t), User: "x"}
	for _, d := range []cluster.CheckDefinition{{MySQL: addr}, {Postgres: addr}} {
		row{d.Kind(), d, cluster.Critical, addr.Address}.try(t, 300*time.Millisecond)
	}
}

func TestJudge(t *testing.T) {
	for _, x := range []struct {
		s      server
		want   cluster.DatabaseCheck
		status cluster.Status
	}{
		{server{}, cluster.DatabaseCheck{}, cluster.Passing},
		{server{replica: true}, cluster.DatabaseCheck{Role: "primary"}, cluster.Critical},
		{server{}, cluster.DatabaseCheck{MaxLag: 1}, cluster.Passing},                                                                 // a primary that follows nobody
		{server{following: true, lag: time.Second}, cluster.DatabaseCheck{MaxLag: 1}, cluster.Critical},                               // one that does
		{server{replica: true, following: true, lag: time.Second}, cluster.DatabaseCheck{MaxLag: time.Second}, cluster.Passing},       //
		{server{replica: true, following: true, stopped: "x"}, cluster.DatabaseCheck{MaxLag: time.Second}, cluster.Critical},          //
		{server{replica: true, following: true, lag: time.Minute}, cluster.DatabaseCheck{Role: cluster.RoleReplica}, cluster.Passing}, // nobody asks
	} {
		if r := x.s.judge(&x.want); r.Status != x.status {
			t.Errorf("%+v for %+v: %s %q, want %s", x.s, x.want, r.Status, r.Output, x.status)
		}
	}
}
