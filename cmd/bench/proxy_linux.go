package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const (
	pairs      = 3       // measurements of each proxy, by turns
	streamSize = 8 << 20 // what one connection brings, for throughput
)

// proxy measures the TCP proxy of an agent of its own, by turns with HAProxy where it is installed. A program that knows no proxies is passed over.
func (b *bench) proxy() error {
	backend, err := newBackend(b.addr + ".9:0")
	if err != nil {
		return err
	}
	defer backend.Close()
	ours, theirs := b.addr+".9:9000", b.addr+".9:9001"
	m := &member{name: "proxy", http: b.addr + ".9:8500", dir: filepath.Join(b.cluster.dir, "proxy")}
	file := m.dir + ".json"
	m.argv = []string{b.cluster.members[0].argv[0], "agent", "-config-file", file}
	text, err := json.Marshal(map[string]any{
		"server": true, "bootstrap_expect": 1, "node_name": m.name, "data_dir": m.dir, "bind_addr": b.addr + ".9", "client_addr": b.addr + ".9", "log_level": "warn",
		"service": map[string]any{"name": "echo", "address": b.addr + ".9", "port": backend.Addr().(*net.TCPAddr).Port},
		"proxy":   map[string]any{"bench": map[string]any{"listen": ours, "service": "echo"}},
	})
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		return err
	}
	if exec.CommandContext(b.ctx, m.argv[0], "validate", file).Run() != nil {
		return nil
	}
	if err := b.cluster.start(m); err != nil {
		return err
	}
	defer b.cluster.kill(m)
	beside, end, err := b.haproxy(theirs, backend.Addr().String())
	if err != nil {
		return err
	}
	defer end()
	if err := until(b.ctx, func() bool { return echo(ours) == nil && (!beside || echo(theirs) == nil) }); err != nil {
		return fmt.Errorf("the proxies do not pass connections: %w", err)
	}
	for range pairs {
		for _, x := range []struct {
			name, unit string
			clients    int
			by         float64
			once       func(addr string) error
		}{{"TCP proxy: connections with a byte there and back", "/s", 16, 1, echo}, {"TCP proxy: streams", "MB/s", 4, streamSize / 1e6, stream}} {
			r, err := b.loop(m, x.clients, func(*conn, int, int) error { return x.once(ours) })
			if err != nil {
				return err
			}
			b.add(figure{x.name, x.unit, false}, r.perSecond*x.by)
			if !beside {
				continue
			}
			h, err := b.loop(m, x.clients, func(*conn, int, int) error { return x.once(theirs) })
			if err != nil {
				return err
			}
			b.add(figure{x.name + ", HAProxy", x.unit, false}, h.perSecond*x.by)
			b.add(figure{x.name + ", of HAProxy's", "ratio", false}, r.perSecond/h.perSecond)
		}
	}
	return nil
}

// haproxy starts HAProxy, if it is there.
func (b *bench) haproxy(listen, backend string) (there bool, end func(), err error) {
	program, err := exec.LookPath("haproxy")
	if err != nil {
		return false, func() {}, nil //nolint:nilerr // it is not installed, which is as good
	}
	file := filepath.Join(b.cluster.dir, "haproxy.cfg")
	text := fmt.Sprintf("global\n  maxconn 2000\ndefaults\n  mode tcp\n  option splice-auto\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\nlisten bench\n  bind %s\n  server a %s\n", listen, backend)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return false, nil, err
	}
	cmd := exec.Command(program, "-db", "-f", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return false, nil, err
	}
	return true, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // that it was killed is known
	}, nil
}

// newBackend answers the byte 'e' with itself, and 's' with a stream.
func newBackend(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	block := make([]byte, 256<<10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var word [1]byte
				if _, err := io.ReadFull(c, word[:]); err != nil {
					return
				}
				for n := 0; word[0] == 's' && n < streamSize; n += len(block) {
					if _, err := c.Write(block); err != nil {
						return
					}
				}
				if word[0] == 'e' {
					_, _ = c.Write(word[:]) // the client finds out
				}
			}()
		}
	}()
	return l, nil
}

// echo has a byte go there and back on a connection of its own.
func echo(addr string) error { return talk(addr, 'e', 1) }

// stream takes a stream on a connection of its own.
func stream(addr string) error { return talk(addr, 's', streamSize) }

func talk(addr string, word byte, size int64) error {
	c, err := net.DialTimeout("tcp", addr, requestLimit)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte{word}); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(c, size))
	if err == nil && n < size {
		err = fmt.Errorf("%d bytes of %d came", n, size)
	}
	_ = c.(*net.TCPConn).SetLinger(0) // no port waits
	return err
}
