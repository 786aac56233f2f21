package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRTT holds what the verb makes of the agent's answers.
func TestRTT(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/agent/self", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"Config":{"NodeName":"n1","Datacenter":"dc1"}}`)
	})
	mux.HandleFunc("/v1/coordinate/node/{node}", func(w http.ResponseWriter, r *http.Request) {
		x, ok := map[string]string{"n1": "0", "n2": "0.0105"}[r.PathValue("node")]
		switch {
		case r.PathValue("node") == "odd":
			fmt.Fprint(w, `[{"Node":"odd","Coord":{"Vec":[1]}}]`)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		default:
			fmt.Fprintf(w, `[{"Node":"x","Coord":{"Vec":[%s,0,0,0,0,0,0,0],"Height":0.0001}}]`, x)
		}
	})
	mux.HandleFunc("/v1/coordinate/datacenters", func(w http.ResponseWriter, _ *http.Request) {
		const at = `{"Node":"%s","Coord":{"Vec":[%s,0,0,0,0,0,0,0],"Height":0.0001}}`
		fmt.Fprintf(w, `[{"Datacenter":"dc1","Coordinates":[`+at+`]},{"Datacenter":"dc2","Coordinates":[`+at+","+at+`]}]`, "n1", "0", "n1", "0.03", "n2", "0.04")
	})
	agent := httptest.NewServer(mux)
	defer agent.Close()
	x := terminal{env: map[string]string{"CONSUL_HTTP_ADDR": agent.URL}}
	for args, want := range map[string]string{
		"n2":                 "Estimated n2 <-> n1 rtt: 10.700 ms (using LAN coordinates)\n",
		"n1 n2":              "Estimated n1 <-> n2 rtt: 10.700 ms (using LAN coordinates)\n",
		"-wan n1.dc2":        "Estimated n1.dc2 <-> n1.dc1 rtt: 30.200 ms (using WAN coordinates)\n",
		"-wan n2.dc2 n1.dc1": "Estimated n2.dc2 <-> n1.dc1 rtt: 40.200 ms (using WAN coordinates)\n",
		"n2 -format=json":    "{\n  \"Nodes\": [\n    \"n2\",\n    \"n1\"\n  ],\n  \"Pool\": \"LAN\",\n  \"RTT\": 10700000\n}\n",
		"n9 -format=json":    `could not find a coordinate for node "n9"`,
		"n9":                 `could not find a coordinate for node "n9"`,
		"n1 n9":              `could not find a coordinate for node "n9"`,
		"-wan n2":            `node names with -wan are NODE.DATACENTER, and "n2" has no datacenter`,
		"-wan n2.dc3":        `could not find a coordinate for node "n2.dc3"`,
		"odd":                "Incompatible coordinate: its Vec has 1 components",
		"":                   "want one node or two",
		"a b c":              "want one node or two",
	} {
		got := x.run(t, append([]string{"rtt"}, strings.Fields(args)...)...)
		if fails := got.code != 0; fails == (strings.HasPrefix(want, "Estimated") || strings.HasPrefix(want, "{")) || !strings.Contains(got.out+got.err, want) {
			t.Errorf("rtt %s: code %d, %q, %q, want %q", args, got.code, got.out, got.err, want)
		}
	}
}
