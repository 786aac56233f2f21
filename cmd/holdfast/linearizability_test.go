//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/cmd/holdfast/daemontest"
	"holdfast/cmd/holdfast/stage"
)

// history runs clients on a few keys through all members, in default and consistent mode, while harm befalls the cluster again and again,
// and checks what they saw.
func history(t *testing.T, members []*daemontest.KV, patience time.Duration, harm func(ctx context.Context, h *daemontest.History)) {
	t.Helper()
	length := 20 * time.Second
	if testing.Short() {
		length = 6 * time.Second
	}
	h := daemontest.NewHistory()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	w := daemontest.Workload{
		Members: members, Clients: 12, Keys: []string{"lin/a", "lin/b", "lin/c", "lin/d", "lin/e"},
		Patience: patience, Rest: 10 * time.Millisecond,
	}
	var clients sync.WaitGroup
	clients.Go(func() { w.Run(ctx, h) })
	for daemontest.Pause(ctx, 300*time.Millisecond+rand.N(700*time.Millisecond)) {
		harm(ctx, h)
	}
	clients.Wait()
	dir, err := os.MkdirTemp("", "holdfast-history-") //nolint:usetesting // the picture outlives a test that fails
	if err != nil {
		t.Fatal(err)
	}
	h.Check(t, dir)
	if !t.Failed() {
		_ = os.RemoveAll(dir)
	}
}

// TestLinearizableUnderKills kills the leader, or now and then another, and starts it again.
func TestLinearizableUnderKills(t *testing.T) {
	c := daemons(t)
	history(t, c.KVs(), 4*time.Second, func(ctx context.Context, _ *daemontest.History) {
		m := c.Leader()
		if rand.N(4) == 0 {
			m = c.Members[rand.N(len(c.Members))]
		}
		m.Kill()
		daemontest.Pause(ctx, rand.N(800*time.Millisecond))
		m.Start()
	})
}

// TestLinearizableUnderFreezes stops the leader (SIGSTOP) for less or more time than the others need to elect another, and lets it go on.
// A flood keeps its log busy, and late readers ask it while it is frozen, so that it answers them in the first moments of its new life, when it
// may still believe that it leads.
func TestLinearizableUnderFreezes(t *testing.T) {
	c := daemons(t)
	var newcomer atomic.Int64 // clients of their own: the others wait for answers of the frozen leader
	history(t, c.KVs(), 6*time.Second, func(ctx context.Context, h *daemontest.History) {
		m := c.Leader()
		each := func(kv *daemontest.KV, n int, call daemontest.Call) *sync.WaitGroup {
			var all sync.WaitGroup
			for i := range n {
				call, client := call, 100+int(newcomer.Add(1))
				call.Key = "lin/" + string(rune('a'+i%5))
				if call.Verb == daemontest.Put {
					call.Value = fmt.Sprintf("%d.0", client)
				}
				all.Go(func() {
					once, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*time.Second)
					defer cancel()
					_ = daemontest.Operate(once, h, client, kv, call) // a failure shows nothing
				})
			}
			return &all
		}
		writing, enough := context.WithCancel(ctx)
		defer enough()
		flood(writing, []*daemontest.Member{m})
		daemontest.Pause(ctx, 30*time.Millisecond+rand.N(10*time.Millisecond))
		m.Freeze()
		daemontest.Pause(ctx, 300*time.Millisecond+rand.N(900*time.Millisecond))
		written := each(c.Others(m)[rand.N(2)].KV, 5, daemontest.Call{Verb: daemontest.Put})
		daemontest.Pause(ctx, rand.N(200*time.Millisecond))
		read := each(m.KV, 30, daemontest.Call{Verb: daemontest.Get})
		daemontest.Pause(ctx, 50*time.Millisecond)
		flicker(ctx, m)
		enough()
		written.Wait()
		read.Wait()
	})
}

// TestLinearizableUnderPartitions cuts the leader, or another, off from the others in every way that a network can, in a lab of machines.
func TestLinearizableUnderPartitions(t *testing.T) {
	s := onStage(t, stage.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), labLimit)
	defer cancel()
	if _, _, err := s.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	names := s.Machines()
	var members []*daemontest.KV
	for _, name := range names {
		members = append(members, &daemontest.KV{
			Member: name, Base: "http://" + name,
			Client: daemontest.NewClient(func(ctx context.Context, network, _ string) (net.Conn, error) {
				return s.Lab.Machine(name).Dial(ctx, network, "127.0.0.1:8500")
			}),
		})
	}
	history(t, members, 5*time.Second, func(ctx context.Context, _ *daemontest.History) {
		leader := stageLeader(t, s, members)
		if err := cutSomehow(s, leader, names); err != nil {
			t.Error(err)
		}
		daemontest.Pause(ctx, rand.N(2*time.Second))
		if err := s.Lab.Heal(); err != nil {
			t.Error(err)
		}
	})
}

// stageLeader waits until a majority names a leader, and answers it.
func stageLeader(t *testing.T, s *stage.Stage, members []*daemontest.KV) (leader string) {
	t.Helper()
	daemontest.Await(t, "a majority names a leader", func(ctx context.Context) bool {
		votes := map[string]int{}
		for _, m := range members {
			if addr, err := m.Leader(ctx); err == nil {
				votes[addr]++
			}
		}
		for _, m := range s.Lab.Machines() {
			if votes[m.Addr().String()+":8300"] >= 2 {
				leader = m.Name()
				return true
			}
		}
		return false
	})
	return leader
}

// cutSomehow separates machines in one of the ways there are.
func cutSomehow(s *stage.Stage, leader string, names []string) error {
	var others []string
	for _, name := range names {
		if name != leader {
			others = append(others, name)
		}
	}
	rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	switch rand.N(7) {
	case 0: // nobody has a majority
		return s.Lab.Partition([]string{leader}, others[:1], others[1:])
	case 1: // the leader is deaf
		return oneWay(s, others, []string{leader})
	case 2: // the leader is mute
		return oneWay(s, []string{leader}, others)
	case 3: // a follower does not see the leader, the other one sees both
		return s.Lab.Cut(leader, others[0])
	case 4: // a follower is alone
		return s.Lab.Isolate(others[0])
	}
	return s.Lab.Isolate(leader) // most often
}

func oneWay(s *stage.Stage, from, to []string) error {
	for _, f := range from {
		for _, t := range to {
			if err := s.Lab.CutOneWay(f, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// soon is how long a request may take that meets a frozen leader: the silence is noticed after three seconds, and this machine is slow.
const soon = 20 * time.Second

// TestFrozenLeaderKeepsNobodyWaiting stops the leader (SIGSTOP) with writes under way to it through the others. Each of them gets its
// answer or an error soon; and a read, which may be repeated, gets its answer, from the next leader's time.
func TestFrozenLeaderKeepsNobodyWaiting(t *testing.T) {
	c := daemons(t)
	frozen := c.Leader()
	writing, enough := context.WithCancel(t.Context())
	defer enough()
	longest := flood(writing, c.Others(frozen))
	daemontest.Pause(t.Context(), 100*time.Millisecond) // the flood flows
	frozen.Freeze()
	for _, m := range c.Others(frozen) {
		once, cancel := context.WithTimeout(t.Context(), soon)
		if _, _, err := m.Get(once, "flood/0", ""); err != nil {
			t.Errorf("a read through %s, sent when the leader was frozen: %v", m.Member, err)
		}
		cancel()
	}
	enough()
	took := longest()
	t.Logf("the longest write took %s", took.Round(time.Millisecond))
	if took > soon {
		t.Errorf("a write through a follower of a frozen leader took %s, want at most %s", took, soon)
	}
	frozen.Thaw()
	c.AwaitAll()
}

// TestFrozenLeaderServesNothingStale stops the leader (SIGSTOP) in the middle of writes, and has another elected, which acknowledges a
// write. Whoever asked the frozen one after that must be answered with that write, or with an error, when it goes on: in its first moments it
// still believes that it leads.
func TestFrozenLeaderServesNothingStale(t *testing.T) {
	c := daemons(t)
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		frozen := c.Leader()
		must(t, "a write before", func(ctx context.Context) error {
			_, err := frozen.Put(ctx, "frozen", fmt.Sprint(round, " old"), "")
			return err
		})
		writing, enough := context.WithCancel(t.Context())
		wait := flood(writing, []*daemontest.Member{frozen})
		daemontest.Pause(t.Context(), 50*time.Millisecond+rand.N(10*time.Millisecond))
		frozen.Freeze()
		c.Leader(frozen)
		fresh := fmt.Sprint(round, " new")
		must(t, "a write after the election", func(ctx context.Context) error {
			_, err := c.Others(frozen)[0].Put(ctx, "frozen", fresh, "")
			return err
		})
		answered := ask(t, frozen, fresh)
		daemontest.Pause(t.Context(), 100*time.Millisecond) // the questions reach its sockets
		flicker(t.Context(), frozen)
		enough()
		answered()
		wait()
		c.AwaitAll()
	}
}

// flicker thaws a member, in slices at first: its goroutines then run in all sorts of orders.
func flicker(ctx context.Context, m *daemontest.Member) {
	for range rand.N(20) {
		m.Thaw()
		daemontest.Pause(ctx, rand.N(200*time.Microsecond))
		m.Freeze()
		daemontest.Pause(ctx, rand.N(time.Millisecond))
	}
	m.Thaw()
}

// must repeats what may be repeated until it succeeds.
func must(t *testing.T, what string, do func(context.Context) error) {
	t.Helper()
	daemontest.Await(t, what+" is acknowledged", func(ctx context.Context) bool { return do(ctx) == nil })
}

// flood writes through members without pause until ctx ends; longest then waits for the last answer, and says how long any took.
func flood(ctx context.Context, members []*daemontest.Member) (longest func() time.Duration) {
	var writers sync.WaitGroup
	var mu sync.Mutex
	var most time.Duration
	for n := range 16 {
		m, key := members[n%len(members)], fmt.Sprintf("flood/%d", n)
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				begin := time.Now()
				once, cancel := context.WithTimeout(context.WithoutCancel(ctx), daemontest.Limit)
				_, _ = m.Put(once, key, strconv.Itoa(i), "") // an answer or an error: both will do
				cancel()
				mu.Lock()
				most = max(most, time.Since(begin))
				mu.Unlock()
			}
		})
	}
	return func() time.Duration { writers.Wait(); return most }
}

// ask sends reads to a member that cannot answer yet; wait collects the answers, and fails the test where one is not what it must be.
func ask(t *testing.T, m *daemontest.Member, want string) (wait func()) {
	t.Helper()
	var readers sync.WaitGroup
	for n := range 60 {
		query := []string{"", "", "consistent"}[n%3]
		readers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), daemontest.Limit)
			defer cancel()
			e, _, err := m.Get(ctx, "frozen", query)
			switch {
			case err != nil:
				t.Logf("a read (%q) of the leader that was frozen: %v", query, err)
			case e == nil || string(e.Value) != want:
				t.Errorf("a leader that was frozen answered a read (%q) with %+v, want %q: it was acknowledged before the question", query, e, want)
			}
		})
	}
	return readers.Wait
}
