package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cmd/holdfast/stage"
	"holdfast/failover/lab"
)

const (
	chaosLength = 12 * time.Second // of one schedule
	chaosSettle = 30 * time.Second // from the end of the last fault until all is as planned
	chaosUnheld = 3 * time.Second  // how long an address may be unserved while a majority is sound and one of it can serve
)

// TestChaos lets faults of all kinds befall the cluster in random overlap. Whatever happens, no two machines serve an address at once; no address is silent
// for 3 s while the same two machines are sound and one of them can serve; every change of owner is in the timeline, for a reason that was true; and once all
// is mended, the cluster settles by itself, all members agree, and exactly the planned holder serves.
//
// It plays two schedules, which takes half a minute.
// HOLDFAST_CHAOS=10m plays schedule after schedule for ten minutes, HOLDFAST_CHAOS_SEED says which comes first, and HOLDFAST_CHAOS_KINDS
// chooses kinds of faults ("freeze,cut"). A schedule depends on its seed alone; when things happen within the cluster does not.
func TestChaos(t *testing.T) {
	limit, err := time.ParseDuration(envOr("HOLDFAST_CHAOS", "20s"))
	if err != nil {
		t.Fatalf("HOLDFAST_CHAOS: %v", err)
	}
	seed, err := strconv.ParseUint(envOr("HOLDFAST_CHAOS_SEED", "7"), 10, 64)
	if err != nil {
		t.Fatalf("HOLDFAST_CHAOS_SEED: %v", err)
	}
	var kinds []string
	if k := os.Getenv("HOLDFAST_CHAOS_KINDS"); k != "" {
		kinds = strings.Split(k, ",")
	}
	s := onStage(t, stage.Options{})
	r := &chaos{Stage: s, seen: map[string]uint64{}}
	for end := time.Now().Add(limit); ; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { r.round(t, stage.Schedule(seed, chaosLength, s.Machines(), kinds...)) })
		if t.Failed() || time.Now().After(end) {
			return
		}
	}
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// chaos is a cluster through many schedules.
type chaos struct {
	*stage.Stage

	seen map[string]uint64 // the last epoch of the timeline that was looked at, by group
}

// round plays one schedule from a settled cluster to a settled cluster.
func (r *chaos) round(t *testing.T, acts []stage.Act) {
	ctx, cancel := context.WithTimeout(t.Context(), chaosLength+labLimit)
	defer cancel()
	if _, _, err := r.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	probes := map[netip.Addr]*lab.Probe{}
	for _, a := range []netip.Addr{stage.VIP4, stage.VIP6, stage.VIP4b} {
		probes[a] = r.Lab.NewProbe(lab.ProbeOptions{VIP: a})
		if err := probes[a].Open(ctx); err != nil {
			t.Fatal(err)
		}
		defer probes[a].Close()
	}
	c := r.NewChaos()
	still := watchStillness(ctx)
	err := c.Play(ctx, acts)
	mended := time.Now()
	settling, stop := context.WithTimeout(ctx, 2*chaosSettle)
	defer stop()
	if err == nil {
		err = c.Mend(settling)
	}
	if err == nil {
		err = r.asPlanned(settling, probes)
	}
	took := time.Since(mended).Round(time.Millisecond)
	still.end()
	failed := err != nil || took > chaosSettle
	var reports []lab.Report
	for a, p := range probes {
		rep := p.Close()
		t.Log(rep.String())
		if rep.Two > 0 {
			failed = true
			t.Errorf("two machines served %s at once:\n%s", a, rep.Detail())
		}
		failed = forsaken(t, a, rep, c, still) || failed
		reports = append(reports, rep)
	}
	t.Logf("settled in %s; %s", took, r.burden())
	if failed {
		t.Errorf("%v (after %s)\n%s", err, took, strings.Join(c.Log(), "\n"))
	}
	if err := r.recorded(ctx); err != nil {
		t.Error(err)
	}
	timeline, err := r.timeline(ctx)
	if err != nil {
		t.Fatal(err)
	}
	x := &explained{t: t, began: c.Began(), injuries: c.Injuries(), timeline: timeline, still: still}
	x.assignments()
	for _, rep := range reports {
		x.moves(rep)
	}
	if t.Failed() && !failed {
		t.Logf("%s", strings.Join(c.Log(), "\n"))
	}
}

// forsaken reports whether an address was not served for too long though a majority was sound, one of it could serve, and a group had the address. What
// this whole machine stood still is taken off.
func forsaken(t *testing.T, a netip.Addr, rep lab.Report, c *stage.Chaos, still *stillness) bool {
	t.Helper()
	bad := false
	for _, o := range rep.Outages {
		for _, d := range c.Due(a) {
			from, to := rep.Began.Add(o.From), rep.Began.Add(o.To)
			if x := c.Began().Add(d.From); x.After(from) {
				from = x
			}
			if x := c.Began().Add(d.To); x.Before(to) {
				to = x
			}
			if gone := to.Sub(from) - still.within(from, to); gone > chaosUnheld {
				t.Errorf("%s was not served for %s, from %.3fs to %.3fs, though from %.3fs to %.3fs %s", a, gone.Round(time.Millisecond),
					from.Sub(c.Began()).Seconds(), to.Sub(c.Began()).Seconds(), d.From.Seconds(), d.To.Seconds(), d.Who)
				bad = true
			}
		}
	}
	return bad
}

// burden is what the daemons weigh.
func (r *chaos) burden() string {
	var b strings.Builder
	for _, m := range r.Machines() {
		p := r.Daemon(m)
		fds, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))       // a daemon that has just died weighs nothing
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.Pid())) // likewise
		rss, _ := p.RSS()                                               // likewise
		fmt.Fprintf(&b, "%s pid %d %d files %d threads %.1f MB; ", m, p.Pid(), len(fds), len(threads), float64(rss)/(1<<20))
	}
	return b.String()
}

// asPlanned waits until everything is as the plan says, and is so still half a second later.
func (r *chaos) asPlanned(ctx context.Context, probes map[netip.Addr]*lab.Probe) error {
	calm := time.Time{}
	for {
		err := r.amiss(ctx, probes)
		switch {
		case err != nil:
			calm = time.Time{}
		case calm.IsZero():
			calm = time.Now()
		case time.Since(calm) > 500*time.Millisecond:
			return nil
		}
		t := time.NewTimer(30 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("the cluster did not settle: %w", err)
		}
	}
}

// chaosStatus is what the test reads of /v1/failover/status.
type chaosStatus struct {
	Leader   string
	Machines []struct {
		Node, Why string
		Live      bool
		Unable    map[string]string
	}
	Groups []struct {
		Name       string
		Assignment struct {
			Node  string
			Epoch uint64
			Why   string
		}
	}
	Holdings []struct {
		Group, Phase string
		Epoch        uint64
		Addresses    []string
	}
}

// amiss says what is not as it should be, nil for nothing.
func (r *chaos) amiss(ctx context.Context, probes map[netip.Addr]*lab.Probe) error {
	var first chaosStatus
	holder := ""
	for i, m := range r.Machines() {
		var st chaosStatus
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if err := r.Get(ctx, m, "/v1/failover/status", &st); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
		if i == 0 {
			first = st
		}
		if len(st.Groups) != 1 || st.Groups[0].Name != "web" || st.Groups[0].Assignment.Node == "" {
			return fmt.Errorf("%s: groups are %+v", m, st.Groups)
		}
		a := st.Groups[0].Assignment
		holder = a.Node
		if st.Leader == "" || st.Leader != first.Leader || a != first.Groups[0].Assignment {
			return fmt.Errorf("%s and %s disagree: %+v, %+v", r.Machines()[0], m, first, st)
		}
		if len(st.Machines) != len(r.Machines()) {
			return fmt.Errorf("%s: machines are %+v", m, st.Machines)
		}
		for _, x := range st.Machines {
			if !x.Live || len(x.Unable) > 0 {
				return fmt.Errorf("%s: %+v", m, x)
			}
		}
		want := 0
		if m == holder {
			want = 1
		}
		if len(st.Holdings) != want || want == 1 && (st.Holdings[0].Phase != "serving" || st.Holdings[0].Epoch != a.Epoch) {
			return fmt.Errorf("%s is assigned the group in epoch %d, and %s has holdings %+v", holder, a.Epoch, m, st.Holdings)
		}
		if err := r.addresses(m, holder); err != nil {
			return err
		}
		if err := r.explained(ctx, m, holder); err != nil {
			return err
		}
	}
	for a, p := range probes {
		want := holder
		if a == stage.VIP4b {
			want = ""
		}
		if got := p.Holder(); got != want {
			return fmt.Errorf("%s is answered by %q, want %q", a, got, want)
		}
	}
	return nil
}

// addresses checks which addresses lie on a machine.
func (r *chaos) addresses(m, holder string) error {
	for _, a := range []netip.Addr{stage.VIP4, stage.VIP6, stage.VIP4b} {
		has, err := r.Lab.Machine(m).HasAddress(a)
		if err != nil {
			return err
		}
		if want := m == holder && a != stage.VIP4b; has != want {
			return fmt.Errorf("%s lies on %s: %v, want %v (%s holds the group)", a, m, has, want, holder)
		}
	}
	return nil
}

// explained checks what a member says of the group: all machines are eligible, the plan wants nothing else, and the last acquisition is told.
func (r *chaos) explained(ctx context.Context, m, holder string) error {
	var x struct {
		Decision struct {
			Node, Current, Why string
			Changed            bool
			Epoch              uint64
			Verdicts           []struct {
				Node, Why string
				Eligible  bool
			}
		}
		Timeline []struct {
			Kind, Node string
			Epoch      uint64
		}
	}
	if err := r.Get(ctx, m, "/v1/failover/explain/web?limit=0", &x); err != nil {
		return fmt.Errorf("%s: %w", m, err)
	}
	d := x.Decision
	if d.Changed || d.Node != holder || d.Current != holder || !strings.HasPrefix(d.Why, holder+" holds it") || len(d.Verdicts) != len(r.Machines()) {
		return fmt.Errorf("%s: the plan says %+v, and %s holds the group", m, d, holder)
	}
	for _, v := range d.Verdicts {
		if !v.Eligible {
			return fmt.Errorf("%s says that %s is not eligible: %s", m, v.Node, v.Why)
		}
	}
	assigned, acquired := false, false
	for _, e := range x.Timeline {
		if e.Epoch == d.Epoch && e.Node == holder {
			assigned = assigned || e.Kind == "assign"
			acquired = acquired || e.Kind == "acquire"
		}
	}
	if !assigned || !acquired {
		return fmt.Errorf("%s: the timeline has no assign (%v) or no acquire (%v) of epoch %d by %s", m, assigned, acquired, d.Epoch, holder)
	}
	return nil
}

// recorded checks that the timeline has an entry for each change of the holder since the last round. An epoch that begins with the creation of
// a group that had been there before has no holder, and no entry of its own.
func (r *chaos) recorded(ctx context.Context) error {
	timeline, err := r.timeline(ctx)
	if err != nil {
		return err
	}
	created := map[string]uint64{}
	for _, e := range timeline {
		switch e.Kind {
		case "group":
			if e.Why == "the group was created" {
				created[e.Group]++
			}
		case "assign":
			last := r.seen[e.Group]
			if e.Epoch <= last {
				continue // of an earlier round
			}
			missing := e.Epoch - last - 1
			if last > 0 && missing > created[e.Group] && len(timeline) < cluster.TimelineSize {
				return fmt.Errorf("the timeline of %s has no entry for %d epochs after %d", e.Group, missing, last)
			}
			r.seen[e.Group], created[e.Group] = e.Epoch, 0
		}
	}
	return nil
}
