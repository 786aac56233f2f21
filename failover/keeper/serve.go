package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/failover/fence"
)

// The files of a keeper in the data directory.
const (
	socketFile = "keeper.sock"
	ledgerFile = "keeper.json"
	lockFile   = "keeper.lock"
)

// restFor is how long a keeper without a daemon and without an address to care for stays.
const restFor = 3 * time.Second

// request is what the daemon asks, one JSON value; the answer is one reply.
type request struct {
	Do       string // "manage", "set", "forget" or "list"
	Addr     netip.Addr
	Deadline fence.Boottime `json:",omitempty"`
	Add      []string       `json:",omitempty"`
	Remove   []string       `json:",omitempty"`
}

type reply struct {
	Error      string `json:",omitempty"`
	NotManaged bool   `json:",omitempty"`
	Deadlines  map[netip.Addr]fence.Boottime
}

// Serve is the keeper's whole life: it answers daemons at the socket in dir until it has had nothing to do for a while. A second keeper in
// the same directory ends at once, without an error.
func Serve(ctx context.Context, dir string, lead time.Duration, log *slog.Logger) error {
	alone, err := lock(filepath.Join(dir, lockFile))
	if err != nil || alone == nil {
		return err
	}
	defer func() { _ = alone.Close() }() // which gives the lock back
	l := &ledger{file: filepath.Join(dir, ledgerFile), lead: lead, log: log, now: fence.Now, on: onMachine, entries: map[netip.Addr]*entry{}}
	if err := l.load(); err != nil {
		return err
	}
	path := filepath.Join(dir, socketFile)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove the socket of an earlier keeper: %w", err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("listen at %s: %w", path, err)
	}
	s := &server{ledger: l, log: log, quiet: time.Now()}
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	go s.rest(ctx, ln)
	for {
		c, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accept at %s: %w", path, err)
		}
		go s.converse(c)
	}
}

type server struct {
	ledger *ledger
	log    *slog.Logger

	mu    sync.Mutex // guards following
	open  int        // connections
	quiet time.Time  // since when there is none
}

// rest ends the keeper once it has had nothing to do for a while. A daemon that comes in that moment starts another one.
func (s *server) rest(ctx context.Context, ln net.Listener) {
	tick := time.NewTicker(restFor / 10)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		idle := s.open == 0 && time.Since(s.quiet) > restFor
		s.mu.Unlock()
		if idle && s.ledger.last() < fence.Now() {
			_ = ln.Close()
			return
		}
	}
}

// converse answers one daemon until it hangs up.
func (s *server) converse(c net.Conn) {
	defer func() { _ = c.Close() }()
	s.count(1)
	defer s.count(-1)
	in, out := json.NewDecoder(c), json.NewEncoder(c)
	for {
		var r request
		if err := in.Decode(&r); err != nil {
			return // it hung up, or is no daemon of ours
		}
		if err := out.Encode(s.answer(r)); err != nil {
			return
		}
	}
}

func (s *server) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
	s.quiet = time.Now()
}

func (s *server) answer(r request) reply {
	var err error
	switch {
	case r.Do == "list":
	case !r.Addr.IsValid():
		err = errors.New("the request names no address")
	case r.Do == "manage" && (len(r.Add) == 0 || len(r.Remove) == 0):
		err = errors.New("the request names no commands")
	case r.Do == "manage":
		err = s.ledger.manage(r.Addr, r.Add, r.Remove)
	case r.Do == "set":
		err = s.ledger.set(r.Addr, r.Deadline)
	case r.Do == "forget":
		err = s.ledger.forget(r.Addr)
	default:
		err = fmt.Errorf("the request %q is not known; is the keeper of another version?", r.Do)
	}
	if err != nil {
		return reply{Error: err.Error(), NotManaged: errors.Is(err, fence.ErrNotManaged)}
	}
	return reply{Deadlines: s.ledger.deadlines()}
}

// lock takes the lock of a directory; nil if another keeper has it. The kernel gives it back when the process ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // below the data directory
	if err != nil {
		return nil, fmt.Errorf("open the keeper's lock: %w", err)
	}
	err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		_ = f.Close()
		return nil, nil //nolint:nilnil // no file, no fault: the other one serves
	case err != nil:
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
