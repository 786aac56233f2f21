package compat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// patroniLimit is how long a takeover may take: the TTL of 30 s and what Patroni and PostgreSQL need, on a slow machine.
const patroniLimit = 120 * time.Second

const patroniConfig = `scope: demo
name: %[1]s
restapi: {listen: "%[2]s:8008", connect_address: "%[2]s:8008"}
consul: {host: "%[3]s", register_service: true}
bootstrap:
  dcs: {ttl: 30, loop_wait: 10, retry_timeout: 10}
  initdb: [{encoding: UTF8}]
  pg_hba: ["host replication rep 127.0.0.0/8 trust", "host all all 127.0.0.0/8 trust"]
postgresql:
  listen: %[2]s:5432
  connect_address: %[2]s:5432
  data_dir: %[4]s/data
  bin_dir: %[5]s
  authentication: {replication: {username: rep}, superuser: {username: postgres}}
  parameters: {unix_socket_directories: "%[4]s", fsync: "off", shared_buffers: 16MB}
`

// database is a PostgreSQL server under Patroni.
type database struct {
	name, addr, dir string
	cmd             *exec.Cmd
	done            chan error
}

// TestPatroni: two databases elect a leader through the program; every process of the leader is killed, and the other takes over.
func TestPatroni(t *testing.T) {
	bin := patroniNeeds(t)
	t.Parallel()
	a := start(t)
	var all []*database
	for i, addr := range addresses(t, 2) {
		all = append(all, startDatabase(t, a, fmt.Sprintf("pg%d", i+1), addr.String(), bin))
	}
	began := time.Now()
	var leader, replica *database
	await(t, "a leader and a replica that streams", func() error {
		for i, d := range all {
			if role, _, _ := d.status(t); role == "master" || role == "primary" {
				leader, replica = d, all[1-i]
			}
		}
		if leader == nil {
			return errors.New("there is no leader")
		}
		if _, state, streams := leader.status(t); state != "running" || streams != 1 {
			return fmt.Errorf("%s is %s, with %d replicas", leader.name, state, streams)
		}
		return nil
	})
	t.Logf("leader and replica after %s", time.Since(began).Round(time.Second))
	await(t, "the catalog shows both", func() error {
		return errors.Join(leader.shown(a, "master"), replica.shown(a, "replica"))
	})
	began = time.Now()
	leader.kill(t)
	await(t, "the other takes over", func() error {
		if role, _, _ := replica.status(t); role != "master" && role != "primary" {
			return fmt.Errorf("it is %q", role)
		}
		return nil
	})
	t.Logf("the other leads after %s", time.Since(began).Round(100*time.Millisecond))
	await(t, "the catalog shows the new leader", func() error { return replica.shown(a, "master") })
	t.Logf("the catalog shows it after %s", time.Since(began).Round(100*time.Millisecond))
}

// patroniNeeds skips the test where something is missing, and answers where PostgreSQL's programs are.
func patroniNeeds(t *testing.T) string {
	t.Helper()
	program(t, "patroni", "apt-get install patroni python3-consul postgresql")
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(bins) == 0 {
		skip(t, "there is no PostgreSQL: apt-get install postgresql")
	}
	if exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import consul").Run() != nil {
		skip(t, "Patroni lacks its client: apt-get install python3-consul")
	}
	if os.Getuid() != 0 {
		skip(t, "databases run as the user postgres: start this test as root")
	}
	slices.Sort(bins)
	return filepath.Dir(bins[len(bins)-1])
}

// startDatabase starts Patroni as the user postgres.
func startDatabase(t *testing.T, a *agent, name, addr, bin string) *database {
	t.Helper()
	u, err := user.Lookup("postgres")
	ok(t, err)
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	dir, err := os.MkdirTemp("/tmp", "compat-"+name) //nolint:usetesting // t.TempDir's parent is closed to the user postgres
	ok(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := filepath.Join(dir, "patroni.yml")
	ok(t, os.WriteFile(config, fmt.Appendf(nil, patroniConfig, name, addr, a.http(), dir, bin), 0o600))
	ok(t, os.Chown(config, uid, gid))
	ok(t, os.Chown(dir, uid, gid))
	log, err := os.Create(filepath.Join(dir, "log"))
	ok(t, err)
	d := &database{name: name, addr: addr, dir: dir, cmd: exec.Command("patroni", config)}
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = dir, log, log
	d.cmd.Env = append(os.Environ(), "HOME="+dir)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	d.done = spawn(t, d.cmd)
	t.Cleanup(func() {
		d.kill(t)
		log.Close()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("the log of %s:\n%s", name, text[max(0, len(text)-6000):])
		}
	})
	return d
}

// kill is kill -9 of Patroni and of every process of its database. It may be called again.
func (d *database) kill(t *testing.T) {
	t.Helper()
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.done
	d.cmd = nil
	pid, err := os.ReadFile(filepath.Join(d.dir, "data", "postmaster.pid"))
	if err != nil {
		return // the database does not run
	}
	first, _, _ := strings.Cut(string(pid), "\n")
	if n, err := strconv.Atoi(first); err == nil && n > 1 {
		_ = syscall.Kill(n, syscall.SIGKILL) // its other processes end as they miss it
	}
}

// status asks Patroni for the role and state of its database, and how many replicas stream from it.
func (d *database) status(t *testing.T) (role, state string, streams int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.addr+":8008/patroni", nil)
	ok(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", "", 0
	}
	defer resp.Body.Close()
	var s struct {
		Role, State string
		Replication []any
	}
	if json.NewDecoder(resp.Body).Decode(&s) != nil {
		return "", "", 0
	}
	return s.Role, s.State, len(s.Replication)
}

// shown says whether the catalog has the database, passing and with a tag.
func (d *database) shown(a *agent, tag string) error {
	all, _, err := a.Health().Service("demo", tag, true, &api.QueryOptions{})
	for _, i := range all {
		if i.Service.Address == d.addr && i.Service.Port == 5432 {
			return nil
		}
	}
	return errors.Join(err, fmt.Errorf("%s is not among the %d instances with the tag %s", d.name, len(all), tag))
}

// await is eventually with the time that databases need.
func await(t *testing.T, what string, fn func() error) {
	t.Helper()
	within := time.Now().Add(patroniLimit)
	for err := fn(); err != nil; err = fn() {
		if time.Now().After(within) {
			t.Fatalf("%s: not within %s: %v", what, patroniLimit, err)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(what, t.Context().Err())
		}
	}
}
