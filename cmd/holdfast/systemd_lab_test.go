package main

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/failover/lab"
	"holdfast/failover/lab/systemd"
)

// withUnits are three machines of which n1 and n2 each run a systemd. What differs between them is that n1's units do not work as they should.
var withUnits = map[string]map[string]string{
	"n1": {
		"refused.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'exit 3'\n",
		"slow.service":    "[Service]\nType=notify\nTimeoutStartSec=infinity\nExecStart=/bin/sleep infinity\n", // never says that it is there
		"stuck.service":   "[Service]\nTimeoutStopSec=infinity\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep infinity\n",
	},
	"n2": {
		"refused.service": "[Service]\nExecStart=/bin/sleep infinity\n",
		"slow.service":    "[Service]\nExecStart=/bin/sleep infinity\n",
		"stuck.service":   "[Service]\nExecStart=/bin/sleep infinity\n",
	},
}

const groupsWithUnits = `
server           = true
bootstrap_expect = 3
retry_join       = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]

group "order" {
  vip "10.77.0.101/24" {}
  prefer = ["n1", "n2"]
  run { unit = "first.service" }
  run { unit = "second.service" }
}
group "refused" {
  vip "10.77.0.102/24" {}
  prefer = ["n1", "n2"]
  run { unit = "refused.service" }
}
group "slow" {
  vip "10.77.0.103/24" {}
  prefer = ["n1", "n2"]
  run {
    unit    = "slow.service"
    timeout = "3s"
  }
}
group "stuck" {
  vip "10.77.0.104/24" {}
  prefer = ["n1", "n2"]
  run {
    unit    = "stuck.service"
    timeout = "3s"
  }
}
`

// TestUnitsOfSystemd has groups start and stop units of a real systemd: in order, with a bound, saying why, and never with two holders.
func TestUnitsOfSystemd(t *testing.T) {
	if why := systemd.Missing(t.Context()); why != "" {
		t.Skip(why)
	}
	config := t.TempDir()
	if err := os.WriteFile(filepath.Join(config, "holdfast.hcl"), []byte(groupsWithUnits), 0o600); err != nil {
		t.Fatal(err)
	}
	systems := map[string]*systemd.Systemd{}
	t.Cleanup(func() { // after the lab, and with it they, have ended
		for _, s := range systems {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	witness := []string{"-hcl", "failover { witness = true }"}
	x := onExample(t, config, lab.Options{Machines: []string{"n1", "n2", "n3"}}, map[string][]string{"n3": witness}, func(x *example) {
		for m, units := range withUnits {
			systems[m] = x.boot(m, units)
		}
	})
	journal := func(m string) string {
		b, _ := os.ReadFile(filepath.Join(x.tmp, m+".journal")) // one that is not there is empty
		return string(b)
	}

	x.holder("order", "n1")
	if got, want := journal("n1"), "start first\nstart second\n"; got != want {
		t.Errorf("when n1 serves, its units have done %q, want %q", got, want)
	}
	x.move("order", "n2")
	x.holder("order", "n2")
	if got, want := journal("n1"), "start first\nstart second\nstop second\nstop first\n"; got != want {
		t.Errorf("when n2 serves, n1's units have done %q, want %q", got, want)
	}
	if got, want := journal("n2"), "start first\nstart second\n"; got != want {
		t.Errorf("when n2 serves, its units have done %q, want %q", got, want)
	}

	x.holder("refused", "n2")
	x.told("n2", `what goes with it did not start: unit refused.service the job of systemd ended as "failed"; the unit is failed (failed): exit-code, status 3`)
	x.holder("slow", "n2")
	x.told("n2", "what goes with it did not start: unit slow.service systemd was not done within 3s; the unit is activating (start)")
	x.told("n2", "unit slow.service was stopped")

	probe := x.NewProbe(lab.ProbeOptions{VIP: netip.MustParseAddr("10.77.0.104")})
	for _, m := range []string{"n1", "n2"} {
		if _, err := x.Machine(m).Serve(x.ctx, lab.DefaultPort); err != nil {
			t.Fatal(err)
		}
	}
	x.holder("stuck", "n1")
	if err := probe.Open(x.ctx); err != nil {
		t.Fatal(err)
	}
	if err := probe.Await(x.ctx, "n1"); err != nil {
		t.Fatal(err)
	}
	x.move("stuck", "n2")
	if err := probe.Await(x.ctx, "n2"); err != nil {
		t.Fatal(err)
	}
	rep := probe.Close()
	t.Logf("a unit that hangs in stopping:\n%s", rep)
	if rep.Two > 0 {
		t.Errorf("two machines served at once:\n%s", rep.Detail())
	}
	if rep.Outage > 20*time.Second {
		t.Errorf("the address was away for %s, with a bound of 3s for the stop", rep.Outage)
	}
	x.told("n2", "unit stuck.service did not stop: systemd was not done within 3s; the unit is deactivating (stop)")
}

// boot runs a systemd on a machine, whose bus is where programs of the machine look for it.
func (x *example) boot(m string, units map[string]string) *systemd.Systemd {
	x.t.Helper()
	all := map[string]string{}
	for _, u := range []string{"first", "second"} {
		journal := filepath.Join(x.tmp, m+".journal")
		all[u+".service"] = fmt.Sprintf("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'sleep 0.2; echo start %[1]s >>%[2]s'\nExecStop=/bin/sh -c 'sleep 0.2; echo stop %[1]s >>%[2]s'\n", u, journal)
	}
	maps.Copy(all, units)
	s, err := systemd.New(all)
	if err != nil {
		x.t.Fatal(err)
	}
	x.start(m, s.Argv()...)
	if err := s.Await(x.ctx); err != nil {
		x.t.Fatal(err)
	}
	if out := x.sh(m, "mount --bind "+s.Run()+" /run"); strings.TrimSpace(out) != "" {
		x.t.Fatal(out)
	}
	return s
}
