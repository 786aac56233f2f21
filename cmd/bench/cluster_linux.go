package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const members = 3

// cluster is the members of one turn.
type cluster struct {
	dir     string
	members []*member
	spent   time.Duration // CPU time of processes that have ended
}

// member is one server.
type member struct {
	name string
	http string // "127.0.88.1:8500"
	argv []string
	dir  string
	cmd  *exec.Cmd
}

// newCluster writes what the members need; nothing runs yet.
func newCluster(binary, parent, addr string) (*cluster, error) {
	dir, err := os.MkdirTemp(parent, "holdfast-bench-")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir}
	var ips []string
	for i := range members {
		ips = append(ips, fmt.Sprintf("%s.%d", addr, i+1))
	}
	for i, ip := range ips {
		m := &member{name: fmt.Sprintf("m%d", i+1), http: ip + ":8500"}
		m.dir = filepath.Join(dir, m.name)
		file := m.dir + ".json"
		m.argv = []string{binary, "agent", "-config-file", file}
		b, err := json.Marshal(map[string]any{
			"server": true, "bootstrap_expect": members, "node_name": m.name, "data_dir": m.dir, "bind_addr": ip, "client_addr": ip,
			"retry_join": ips, "retry_interval": "1s", "log_level": "warn", "disable_update_check": true,
			"ports":       map[string]int{"serf_wan": -1},
			"performance": map[string]int{"raft_multiplier": 1},
			"limits":      map[string]int{"http_max_conns_per_client": 4000}, // a thousand watchers come from one address
		})
		if err == nil {
			err = os.WriteFile(file, b, 0o600)
		}
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		c.members = append(c.members, m)
	}
	return c, nil
}

// end kills what runs, and removes the data; after a failure the logs stay.
func (c *cluster) end(failed bool) error {
	for _, m := range c.members {
		c.kill(m)
	}
	if failed {
		return fmt.Errorf("the members' logs are in %s", c.dir)
	}
	return os.RemoveAll(c.dir)
}

// start starts the process of a member. It ends with this one.
func (c *cluster) start(m *member) error {
	log, err := os.OpenFile(m.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	m.cmd = exec.Command(m.argv[0], m.argv[1:]...)
	m.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir}
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return m.cmd.Start()
}

// kill is kill -9.
func (c *cluster) kill(m *member) {
	if m.cmd == nil {
		return
	}
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait() // that it was killed is known
	c.spent += m.cmd.ProcessState.SystemTime() + m.cmd.ProcessState.UserTime()
	m.cmd = nil
}

// cpu is the CPU time that the members have used so far.
func (c *cluster) cpu() time.Duration {
	sum := c.spent
	for _, m := range c.members {
		if m.cmd != nil {
			sum += cpuOf(m.cmd.Process.Pid)
		}
	}
	return sum
}

const tick = time.Second / 100 // of the times in /proc/PID/stat

func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// resident is the memory of a member in MiB.
func (m *member) resident() float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// disk is what the data directory of a member takes, in MiB.
func (m *member) disk() float64 {
	blocks := int64(0)
	_ = filepath.WalkDir(m.dir, func(path string, _ fs.DirEntry, _ error) error {
		var st syscall.Stat_t
		if syscall.Lstat(path, &st) == nil { // what has gone meanwhile counts for nothing
			blocks += st.Blocks
		}
		return nil
	})
	return float64(blocks) * 512 / (1 << 20)
}

// leader waits until every member that runs names the same leader.
func (c *cluster) leader(ctx context.Context) (*member, error) {
	var found *member
	err := until(ctx, func() bool {
		found = nil
		for _, m := range c.members {
			if m.cmd == nil {
				continue
			}
			says := c.named(m)
			if says == nil || found != nil && says != found {
				return false
			}
			found = says
		}
		return found != nil
	})
	if err != nil {
		return nil, fmt.Errorf("the members do not agree on a leader: %w", err)
	}
	return found, nil
}

// named is the leader that a member names, nil for none.
func (c *cluster) named(m *member) *member {
	a := conn{addr: m.http}
	defer a.close()
	if a.do("GET", "/v1/status/leader", nil, time.Second) != nil {
		return nil
	}
	for _, o := range c.members {
		ip, _, _ := strings.Cut(o.http, ":")
		if o.cmd != nil && strings.HasPrefix(string(a.body), `"`+ip+":") {
			return o
		}
	}
	return nil
}

// passing waits until every member that runs passes its node check.
func (c *cluster) passing(ctx context.Context, leader *member) error {
	a := conn{addr: leader.http}
	defer a.close()
	return until(ctx, func() bool {
		for _, m := range c.members {
			err := a.do("GET", "/v1/health/node/"+m.name, nil, time.Second)
			if m.cmd != nil && (err != nil || !strings.Contains(string(a.body), `"Status":"passing"`)) {
				return false
			}
		}
		return true
	})
}

// patience is how long a cluster may take to become what it should be.
const patience = 40 * time.Second

// until asks every 5 ms.
func until(ctx context.Context, done func() bool) error {
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		if done() {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("it took longer than %s", patience)
}
