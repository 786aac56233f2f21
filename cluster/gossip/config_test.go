package gossip

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

func TestValidate(t *testing.T) {
	addr := netip.MustParseAddrPort
	for name, row := range map[string]struct {
		change func(*Config)
		want   string // "" where it is valid
	}{
		"defaults":            {func(*Config) {}, ""},
		"keys":                {withKeys(key(1), key(2)[:16]), ""},
		"advertised":          {func(c *Config) { c.Bind, c.Advertise = addr("0.0.0.0:8301"), addr("10.0.0.1:8301") }, ""},
		"IPv6":                {func(c *Config) { c.Bind = addr("[fd00::1]:8301") }, ""},
		"no name":             {func(c *Config) { c.Name = "" }, "node_name: the node name is empty"},
		"bad name":            {func(c *Config) { c.Name = "a b" }, "node_name:"},
		"nowhere":             {func(c *Config) { c.Bind = netip.AddrPort{} }, "bind_addr:"},
		"zone":                {func(c *Config) { c.Bind = addr("[fe80::1%lo]:8301") }, "bind_addr:"},
		"multicast":           {func(c *Config) { c.Bind = addr("224.0.0.1:8301") }, "bind_addr:"},
		"unknown to others":   {func(c *Config) { c.Bind = addr("0.0.0.0:8301") }, "advertise_addr: is needed with bind_addr 0.0.0.0"},
		"advertises all":      {func(c *Config) { c.Advertise = addr("[::]:8301") }, "advertise_addr: nobody reaches ::"},
		"families":            {func(c *Config) { c.Advertise = addr("[fd00::1]:8301") }, "advertise_addr:"},
		"short key":           {withKeys([]byte("short")), "encrypt: the gossip key is 5 bytes long"},
		"large tags":          {func(c *Config) { c.Tags = map[string]string{"k": strings.Repeat("v", 600)} }, "the member's tags take 606 bytes"},
		"no probes":           {func(c *Config) { c.ProbeInterval = 0 }, "gossip_lan.probe_interval:"},
		"slow probes":         {func(c *Config) { c.ProbeTimeout = 2 * time.Second }, "gossip_lan.probe_timeout: 2s is longer than probe_interval, 1s"},
		"no suspicion":        {func(c *Config) { c.SuspicionMult = 0 }, "gossip_lan.suspicion_mult:"},
		"never reaped":        {func(c *Config) { c.ReconnectTimeout = 0 }, "reconnect_timeout:"},
		"leave into the past": {func(c *Config) { c.LeaveDelay = -1 }, "leave_delay:"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			cfg.Name, cfg.Bind = "n1", addr("127.0.0.1:8301")
			row.change(&cfg)
			err := cfg.Validate()
			if row.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %q", err, row.want)
			}
			if code := cluster.CodeOf(err); code != cluster.Invalid && code != cluster.TooLarge {
				t.Errorf("code %v", code)
			}
			if open := New(cfg, slog.New(slog.DiscardHandler)).Open(); open == nil || open.Error() != err.Error() {
				t.Errorf("Open says %v", open)
			}
		})
	}
}

func TestDefaultsAreConsuls(t *testing.T) {
	c := DefaultConfig()
	got := fmt.Sprint(c.ProbeInterval, c.ProbeTimeout, c.SuspicionMult, c.GossipInterval, c.GossipNodes, c.RetransmitMult, c.ReconnectTimeout)
	if want := "1s 500ms 4 200ms 3 4 72h0m0s"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAdvertised(t *testing.T) {
	for _, row := range []struct{ bind, advertise, want string }{
		{"127.0.0.1:8301", "", "127.0.0.1:8301"},
		{"127.0.0.1:0", "", "127.0.0.1:5555"},
		{"0.0.0.0:8301", "10.0.0.1:0", "10.0.0.1:8301"},
		{"0.0.0.0:8301", "10.0.0.1:9", "10.0.0.1:9"},
	} {
		cfg := quick("n1")
		cfg.Bind = netip.MustParseAddrPort(row.bind)
		if row.advertise != "" {
			cfg.Advertise = netip.MustParseAddrPort(row.advertise)
		}
		bound := int(cfg.Bind.Port())
		if bound == 0 {
			bound = 5555
		}
		if got := New(cfg, nil).advertised(bound).String(); got != row.want {
			t.Errorf("%+v: %s", row, got)
		}
	}
}

func TestSplitAddr(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.1": "10.0.0.1 8301", "10.0.0.1:9": "10.0.0.1 9", " n2 ": "n2 8301", "n2.example.:9": "n2.example. 9",
		"::1": "::1 8301", "[::1]": "::1 8301", "[::1]:9": "::1 9", "fd00::1:2": "fd00::1:2 8301",
		"": "", ":9": "", "n2:": "", "n2:x": "", "n2:0": "", "n2:65536": "", "a:b:c": "", "n2/10.0.0.1": "", "n2/x:9": "", "[n2]": "",
	} {
		host, port, problem := splitAddr(in, DefaultPort)
		got := fmt.Sprint(host, " ", port)
		if problem != nil {
			got = ""
			if !strings.Contains(problem.Message, "an address to join is a host name or an IP address") {
				t.Errorf("%q: %s", in, problem.Message)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestResolve(t *testing.T) {
	cfg := quick("n1")
	cfg.Bind = netip.MustParseAddrPort("127.0.0.1:7301")
	p := New(cfg, slog.New(slog.DiscardHandler))
	targets, problems := p.resolve(t.Context(), []string{"localhost", "127.0.0.1", "127.0.0.2:9", "127.0.0.2:9", "bad host:9"})
	if got, want := fmt.Sprint(targets), "[127.0.0.1:7301 127.0.0.2:9]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if len(problems) != 1 {
		t.Errorf("problems %v", problems)
	}
}

func TestJoinProblemWithoutAList(t *testing.T) {
	to := netip.MustParseAddrPort("10.0.0.1:8301")
	if got := joinProblem(to, errors.New("no route to host"), "ports.serf_lan"); got.Message != "cannot join 10.0.0.1:8301: no route to host" || got.Code != cluster.Unavailable {
		t.Errorf("%v %v", got.Code, got)
	}
}

func TestLibraryLog(t *testing.T) {
	for line, want := range map[string]string{
		"[DEBUG] memberlist: Stream connection from=1":       "DEBUG Stream connection from=1",
		"[INFO] memberlist: Suspect n2 has failed":           "INFO Suspect n2 has failed",
		"[WARN] memberlist: Was able to":                     "WARN Was able to",
		"[ERR] memberlist: Push/Pull with n2 failed":         "ERROR Push/Pull with n2 failed",
		"[ERROR] memberlist: Failed to compress":             "ERROR Failed to compress",
		"[ERR] Failed to shutdown transport":                 "ERROR Failed to shutdown transport",
		"Err: Could not set the deadline":                    "INFO Err: Could not set the deadline",
		"[ERR] memberlist: Conflicting address for n2. Mine": "DEBUG Conflicting address for n2. Mine",
		"[WARN] memberlist: Refuting an alive message":       "DEBUG Refuting an alive message",
	} {
		level, text := parseLine(line)
		if got := level.String() + " " + text; got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	var out bytes.Buffer
	libraryLog(slog.New(slog.NewTextHandler(&out, nil))).Printf("[WARN] memberlist: %s", "two words")
	if got := out.String(); !strings.Contains(got, `level=WARN msg=memberlist line="two words"`) {
		t.Error(got)
	}
}
