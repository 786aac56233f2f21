package effect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"holdfast/cluster"
)

// ledgerFile is the ledger's name in the data directory.
const ledgerFile = "failover-effects.json"

// ledger is what the machine itself keeps no mark of. It is written before what it tells of is done.
type ledger struct {
	System  string                   // of which run of the machine it tells; of another, nothing of it is true any more
	Sysctls map[string]sysctlNote    // what was there before
	Runs    map[string][]cluster.Run // by group: what was started, in order
	path    string
}

// sysctlNote is a sysctl that was changed.
type sysctlNote struct{ Before, Value string }

// read takes over the ledger of an earlier daemon. One that cannot be read is no reason not to start.
func (l *ledger) read(dir string) error {
	*l = ledger{path: filepath.Join(dir, ledgerFile)}
	b, err := os.ReadFile(l.path)
	if err == nil && json.Unmarshal(b, l) != nil || l.System != system() {
		l.Sysctls, l.Runs = nil, nil // of an earlier run of the machine, or half a file after a power loss: either way it was another life
	}
	l.System = system()
	if l.Sysctls == nil {
		l.Sysctls = map[string]sysctlNote{}
	}
	if l.Runs == nil {
		l.Runs = map[string][]cluster.Run{}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the ledger of what groups have changed on this machine: %w", err)
	}
	return nil
}

// write keeps the ledger. It need not outlive a power loss, so nothing is synced.
func (l *ledger) write() error {
	b, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode the ledger: %w", err)
	}
	if err := os.WriteFile(l.path+".new", b, 0o600); err != nil {
		return fmt.Errorf("keep the ledger of what groups have changed on this machine: %w", err)
	}
	if err := os.Rename(l.path+".new", l.path); err != nil {
		return fmt.Errorf("keep the ledger of what groups have changed on this machine: %w", err)
	}
	return nil
}
