package lease

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// chaos draws what goes wrong in a world, from little to everything at once.
func chaos(seed uint64) faults {
	rng := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // the seed is the point
	some := func(ds ...time.Duration) time.Duration { return ds[rng.IntN(len(ds))] }
	return faults{
		lose: 0.05 * rng.Float64(), double: 0.1 * rng.Float64(), late: 0.15 * rng.Float64(), lateness: some(20*ms, 300*ms, 1200*ms),
		stop: some(0, 600*ms, 2*time.Second), crash: some(0, 800*ms, 3*time.Second), cut: some(0, 800*ms, 3*time.Second),
		stand: some(0, 800*ms, 2*time.Second, 5*time.Second), drift: rng.IntN(2) == 0, setBack: rng.IntN(2) == 0,
		shy:     rng.IntN(2) == 0,
		provoke: []float64{0, 0.003, 0.02}[rng.IntN(3)],
	}
}

// effort multiplies the number of worlds: HOLDFAST_MODEL=100 go test ./failover/lease.
func effort() int {
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_MODEL")); err == nil && n > 0 {
		return n
	}
	return 1
}

// worlds runs n worlds of 3 and 5 machines and returns the first that breaks, nil if none does, and what was seen in all.
func worlds(t *testing.T, n int, r rules, f func(seed uint64) faults) (*world, seen) {
	t.Helper()
	var sum seen
	for i := range n {
		seed, machines := uint64(i), 3+2*(i%2)
		w := newWorld(seed, machines, r, f(seed))
		w.run(8 * time.Second)
		if w.broken != "" {
			again := newWorld(seed, machines, r, f(seed))
			again.tracing = true
			again.run(8 * time.Second)
			return again, sum
		}
		sum.add(w.seen)
	}
	return nil, sum
}

func (s *seen) add(o seen) {
	s.elections += o.elections
	s.grants += o.grants
	s.moves += o.moves
	s.fast += o.fast
	s.lapses += o.lapses
	s.restarts += o.restarts
	s.carried += o.carried
	s.reads += o.reads
	s.held += o.held
}

func TestNeverTwoLiveLeases(t *testing.T) {
	n := 300 * effort()
	start := time.Now()
	w, sum := worlds(t, n, rules{}, chaos)
	if w != nil {
		t.Fatalf("%s\n%s", w.broken, w.story(200))
	}
	t.Logf("%d worlds in %s: %+v", n, time.Since(start).Round(ms), sum)
	for what, got := range map[string]int{
		"elections": sum.elections, "grants": sum.grants, "moves": sum.moves, "renewals that a new leader granted at once": sum.fast, "leases that ran out": sum.lapses,
		"restarts": sum.restarts, "leases carried on after a restart": sum.carried, "default reads": sum.reads, "leases that went on without a leader": sum.held,
	} {
		if got < 40 {
			t.Errorf("only %d %s: these worlds are too quiet to prove anything", got, what)
		}
	}
}

// TestBrokenVariantsAreFound holds that the worlds of chance are cruel enough: what breaks a rule that matters at every turn breaks soon.
// The rules that matter in rare moments are looked after by TestEveryOrder.
func TestBrokenVariantsAreFound(t *testing.T) {
	for name, r := range map[string]rules{
		"clocks are taken to be equal":                       {noMargin: true},
		"a new leader does not wait":                         {noWait: true},
		"a claim is renewed at once whether its lease lives": {anyLive: true},
		"the holder counts from the answer":                  {fromReceipt: true},
		"the kernel is told a duration":                      {relative: true},
		"a grant counts though the group was given back":     {useGivenBack: true},
		"who leads does not wait for a hold":                 {holdUnkept: true},
		"a majority lets a holder go on":                     {holdMost: true},
		"a restarted holder goes on by what its log says":    {holdCarried: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, sum := worlds(t, 3000, r, chaos)
			if w == nil {
				t.Fatalf("nothing broke: %+v", sum)
			}
			t.Log(w.broken)
		})
	}
}
