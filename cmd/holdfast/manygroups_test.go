package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/cmd/holdfast/stage"
)

// TestManyGroups spreads many groups over three machines and takes the power from one that does not lead: its third is served elsewhere within
// two seconds. HOLDFAST_GROUPS=200 says how many.
func TestManyGroups(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("HOLDFAST_GROUPS"))
	if err != nil || n < 3 {
		t.Skip("set HOLDFAST_GROUPS=200 to spread so many groups over three machines and to lose one")
	}
	var extra strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&extra, "group \"g%d\" {\n  vip \"fd77::1:%x/64\" {}\n}\n", i, i)
	}
	s := onStage(t, stage.Options{Extra: extra.String()})
	ctx, cancel := context.WithTimeout(t.Context(), 2*labLimit)
	defer cancel()
	serving := func(m string) int {
		var st struct{ Holdings []struct{ Phase string } }
		if s.Get(ctx, m, "/v1/failover/status?stale", &st) != nil {
			return 0
		}
		k := 0
		for _, h := range st.Holdings {
			if h.Phase == "serving" {
				k++
			}
		}
		return k
	}
	until := func(what string, ok func() bool) time.Duration {
		t.Helper()
		began := time.Now()
		for !ok() {
			if time.Since(began) > labLimit || ctx.Err() != nil {
				t.Fatalf("not in time: %s", what)
			}
			<-time.After(5 * time.Millisecond)
		}
		return time.Since(began)
	}
	took := until("all groups are served", func() bool { return serving("n1")+serving("n2")+serving("n3") == n })
	t.Logf("%d groups are served after %s: %d, %d and %d", n, took, serving("n1"), serving("n2"), serving("n3"))
	var st stage.Status
	if err := s.Get(ctx, "n1", "/v1/failover/status", &st); err != nil {
		t.Fatal(err)
	}
	victim, rest := "n3", []string{"n1", "n2"}
	if st.Leader == s.Lab.Machine("n3").Addr().String()+":8300" {
		victim, rest = "n2", []string{"n1", "n3"}
	}
	lost := serving(victim)
	if err := s.Lab.Machine(victim).PowerOff(); err != nil {
		t.Fatal(err)
	}
	took = until("its groups are served elsewhere", func() bool { return serving(rest[0])+serving(rest[1]) == n })
	t.Logf("%s lost power with %d groups: all are served elsewhere after %s", victim, lost, took)
	if lost < n/4 || took > 4*time.Second { // the promise is 2 s, on a machine that is not busy
		t.Errorf("%d groups moved in %s", lost, took)
	}
}
