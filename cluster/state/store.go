package state

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// Store is the replicated state of one member. One goroutine at a time applies; any number reads.
type Store struct {
	content atomic.Pointer[content]
	applied progress

	mu sync.Mutex // held while content or its applied index changes, so that a snapshot sees both of one moment
}

// content is everything between two restores.
type content struct {
	db       *table.DB
	replaced chan struct{} // closed when a restore has put other content in its place
}

// Entry is one committed log entry.
type Entry struct {
	Index   uint64
	Time    time.Time // stamped by the leader
	Command cluster.Command
}

// Result is what applying a command gave. Value is described at each command.
type Result struct {
	Value any
	Err   error
}

// New makes an empty store.
func New() *Store {
	s := &Store{}
	s.content.Store(newContent())
	return s
}

func newContent() *content {
	return &content{db: table.New(schema()...), replaced: make(chan struct{})}
}

// Apply applies committed entries in their order and gives one result for each. Readers may see a batch without its last entries, but
// never a part of an entry. The store keeps what the commands point to.
func (s *Store) Apply(batch []Entry) []Result {
	if len(batch) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	txn := s.content.Load().db.Write()
	defer txn.Abort() // where it was not committed
	results, shift := make([]Result, len(batch)), shiftOf(txn)
	for i, e := range batch {
		w := &writer{txn: txn, index: e.Index + shift, now: e.Time.Round(0).UTC()}
		results[i].Value, results[i].Err = w.apply(e.Command)
	}
	txn.Commit()
	s.applied.reach(batch[len(batch)-1].Index)
	return results
}

// Skip notes an entry that carries no command, such as a change of the peer set.
func (s *Store) Skip(index uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied.reach(index)
}

// AppliedIndex is the index of the last entry that was applied or skipped.
func (s *Store) AppliedIndex() uint64 { return s.applied.index.Load() }

// WaitApplied waits until the entry at index has been applied here, or ctx ends.
func (s *Store) WaitApplied(ctx context.Context, index uint64) error {
	return s.applied.wait(ctx, index)
}

// Replaced is closed when a restore has replaced the content that there is now.
func (s *Store) Replaced() <-chan struct{} { return s.content.Load().replaced }

// View is a consistent snapshot for one reader.
func (s *Store) View() *View { return s.view(false) }

// WatchView is a View that also notes what to wait for; see View.Wait.
func (s *Store) WatchView() *View { return s.view(true) }

func (s *Store) view(watching bool) *View {
	c := s.content.Load()
	return &View{reading{content: c, txn: c.db.Read(), watching: watching}}
}
