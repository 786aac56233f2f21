package config

import (
	"strconv"
	"strings"
	"testing"
)

// TestWAN holds who is in the pool between datacenters, and at which address.
func TestWAN(t *testing.T) {
	for name, test := range map[string]struct {
		hcl  string
		want string // "bind port advertise", "" for not in it, or the error behind "!"
	}{
		"nobody asks":           {`server = true`, ""},
		"the port":              {"server = true\n" + `ports { serf_wan = 9302 }`, "10.0.0.1 9302 10.0.0.1"},
		"switched off":          {"server = true\n" + `ports { serf_wan = -1 }`, ""},
		"an agent is no server": {`ports { serf_wan = 9302 } retry_join_wan = ["h"]`, ""},
		"somebody to join":      {"server = true\n" + `retry_join_wan = ["h"]`, "10.0.0.1 8302 10.0.0.1"},
		"an address to listen":  {"server = true\n" + `serf_wan = "10.0.0.2"`, "10.0.0.2 8302 10.0.0.2"},
		"all addresses":         {"server = true\n" + `serf_wan = "0.0.0.0"`, "0.0.0.0 8302 10.0.0.1"},
		"an address to be told": {"server = true\n" + `advertise_addr_wan = "192.0.2.1"`, "10.0.0.1 8302 192.0.2.1"},
		"both":                  {"server = true\n" + `serf_wan = "10.0.0.2" advertise_addr_wan = "192.0.2.1"`, "10.0.0.2 8302 192.0.2.1"},
		"off and to be joined":  {"server = true\n" + `ports { serf_wan = -1 } start_join_wan = ["h"]`, "!ports.serf_wan is switched off"},
		"the port of the other": {"server = true\n" + `ports { serf_wan = 8301 }`, "!ports.serf_wan and ports.serf_lan are both 8301"},
		"no address":            {"server = true\n" + `serf_wan = "x"`, "!serf_wan \"x\" is not an IP address"},
		"no address to be told": {"server = true\n" + `advertise_addr_wan = "x"`, "!advertise_addr_wan \"x\" is not an IP address"},
		"no port":               {"server = true\n" + `ports { serf_wan = 70000 }`, "!ports.serf_wan is 70000"},
		"tried without a pause": {"server = true\n" + `ports { serf_wan = 9302 } retry_interval_wan = "0s"`, "!retry_interval_wan must be above 0"},
		"forgotten too early":   {"server = true\n" + `ports { serf_wan = 9302 } reconnect_timeout_wan = "1h"`, "!reconnect_timeout_wan 1h0m0s is too short"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, err := parseSource("test", []byte(`bind_addr = "10.0.0.1" `+strings.ReplaceAll(test.hcl, "} ", "}\n")), "hcl")
			if err != nil {
				t.Fatal(err)
			}
			c, err := Build(f)
			if why, refused := strings.CutPrefix(test.want, "!"); refused {
				if err == nil || !strings.HasPrefix(err.Error(), why) {
					t.Errorf("error %v, want %q", err, why)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if c.WAN != nil {
				got = c.WAN.Bind.String() + " " + strconv.Itoa(c.WAN.Port) + " " + c.WAN.Advertise.String()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
