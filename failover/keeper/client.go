package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"holdfast/failover/fence"
)

const (
	startLimit = 3 * time.Second // for a keeper to answer after it was started
	askLimit   = 5 * time.Second // for one request, with the command it may need
	lookEvery  = 10 * time.Millisecond
)

// client talks to the keeper, and starts one where there is none.
type client struct {
	dir     string
	program []string // the keeper as a command, without the directory

	mu   sync.Mutex // guards following, and keeps requests apart
	conn net.Conn
	in   *json.Decoder
	out  *json.Encoder
}

// ask brings a request to the keeper. One that has died is started again: it knows nothing any more, and the request says so if that
// matters.
func (c *client) ask(r request) (map[netip.Addr]fence.Boottime, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, err := c.tryLocked(r)
	if err != nil {
		c.hangUpLocked()
		if err := c.connectLocked(); err != nil {
			return nil, err
		}
		if x, err = c.tryLocked(r); err != nil {
			c.hangUpLocked()
			return nil, fmt.Errorf("the keeper does not answer: %w", err)
		}
	}
	switch {
	case x.NotManaged:
		return nil, fence.ErrNotManaged
	case x.Error != "":
		return nil, errors.New(x.Error)
	}
	return x.Deadlines, nil
}

func (c *client) tryLocked(r request) (x reply, err error) {
	if c.conn == nil {
		return x, net.ErrClosed
	}
	_ = c.conn.SetDeadline(time.Now().Add(askLimit))
	if err := c.out.Encode(r); err != nil {
		return x, err
	}
	return x, c.in.Decode(&x)
}

func (c *client) connectLocked() error {
	conn, err := c.dial()
	if err != nil {
		if err := c.start(); err != nil {
			return err
		}
		for end := time.Now().Add(startLimit); conn == nil; {
			if conn, err = c.dial(); err != nil && time.Now().After(end) {
				return fmt.Errorf("the keeper was started and does not answer: %w", err)
			}
			time.Sleep(lookEvery)
		}
	}
	c.conn, c.in, c.out = conn, json.NewDecoder(conn), json.NewEncoder(conn)
	return nil
}

func (c *client) dial() (net.Conn, error) {
	d := net.Dialer{Timeout: time.Second}
	return d.DialContext(context.Background(), "unix", filepath.Join(c.dir, socketFile))
}

// start starts a keeper that outlives this process, in a session of its own: no signal that is meant for the daemon's group reaches it.
func (c *client) start() error {
	cmd := exec.Command(c.program[0], append(c.program[1:len(c.program):len(c.program)], c.dir)...) //nolint:gosec // this very program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the keeper: %w", err)
	}
	go func() { _ = cmd.Wait() }() // it ends by itself when it has nothing to do
	return nil
}

func (c *client) hangUpLocked() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hangUpLocked()
}
