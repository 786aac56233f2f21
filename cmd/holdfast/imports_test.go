package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// imported is what `go list -json` says of one package of the tree.
type imported struct {
	Dir        string
	ImportPath string
	Doc        string
	Imports    []string
}

// mayImport lists, for each folder, what of our own it may import, below "holdfast/". What is not listed may import nothing of ours.
// The reason is one direction for data: down from cmd through cluster/agent to the state, and back up. A surface that could reach
// another surface, or a mechanism, would sooner or later be served by it.
var mayImport = map[string][]string{
	"cluster":               {},
	"cluster/state":         {"cluster", "cluster/state/table"},
	"cluster/state/table":   {},
	"cluster/prepared":      {"cluster", "cluster/state"},
	"cluster/codec":         {"cluster", "cluster/state"},
	"cluster/codec/entry":   {"cluster"},
	"cluster/consensus":     {"cluster", "cluster/state", "cluster/codec"}, // and its own folders
	"cluster/gossip":        {"cluster", "cluster/durable"},                // and its own folders
	"cluster/join":          {"cluster"},
	"cluster/wan":           {"cluster", "cluster/gossip", "cluster/join"},
	"cluster/rpc":           {"cluster"},
	"cluster/archive":       {"cluster"},
	"cluster/secure":        {"cluster", "cluster/rpc"},
	"cluster/flight":        {},
	"cluster/durable":       {},
	"cluster/pause":         {},
	"cluster/unread":        {},
	"cluster/event":         {"cluster"},
	"cluster/quorum":        {"cluster", "cluster/durable", "cluster/flight"},
	"cluster/check":         {"cluster", "cluster/mysql"},
	"cluster/mysql":         {},
	"cluster/local":         {"cluster", "cluster/state", "cluster/check", "cluster/local/journal"},
	"cluster/local/journal": {"cluster/flight", "cluster/durable"},
	"cluster/leader":        {"cluster", "cluster/state"},
	"cluster/agent":         {"cluster", "cluster/state", "cluster/archive", "cluster/codec", "cluster/consensus", "cluster/gossip", "cluster/rpc", "cluster/secure", "cluster/quorum", "cluster/local", "cluster/check", "cluster/leader", "cluster/flight", "cluster/event", "cluster/join", "cluster/wan"},
	"cluster/clustertest":   {"cluster", "cluster/agent"},

	"dnsapi/zone":     {"cluster", "cluster/state"},
	"dnsapi/recursor": {},
	"dnsapi/socket":   {},
	"dnsapi":          {"cluster", "cluster/state", "cluster/prepared"},

	"httpapi":          {"cluster", "cluster/state"}, // and its own families
	"httpapi/exchange": {"cluster", "cluster/state", "httpapi/filter"},
	"httpapi/filter":   {},
	"httpapi/plain":    {},
	"httpapi/wire":     {"cluster", "cluster/state", "httpapi/exchange"},
	"httpapi/FAMILY":   {"cluster", "cluster/state", "cluster/prepared", "httpapi/exchange", "httpapi/wire"}, // each of the others: one never imports another

	"failover":              {"cluster", "cluster/state", "failover/vip", "failover/fence", "failover/lease", "failover/effect", "failover/outbox", "failover/program", "failover/conntrack"},
	"failover/assigner":     {"cluster", "cluster/state", "failover/lease", "failover/plan", "failover/outbox", "failover/program"},
	"failover/operator":     {"cluster", "cluster/state", "failover/lease", "failover/plan"},
	"failover/outbox":       {},
	"failover/failovertest": {"cluster", "cluster/state"},
	"failover/plan":         {"cluster", "cluster/state"},
	"failover/effect":       {"cluster", "failover/vip", "failover/program"},
	"failover/vip":          {},
	"failover/conntrack":    {},
	"failover/fence":        {},
	"failover/proxy":        {},
	"failover/database":     {"cluster/mysql"},
	"failover/program":      {},
	"failover/roster":       {},
	"failover/proxy/web":    {"failover/proxy/htpasswd", "failover/proxy/route"},
	"failover/upstream":     {"cluster", "cluster/state", "failover/proxy", "failover/proxy/certificate", "failover/proxy/htpasswd", "failover/proxy/route", "failover/proxy/web"},
	"failover/lab":          {},
	"failover/lease":        {"cluster"},
	"failover/keeper":       {"failover/vip", "failover/fence"},
	"failover/watch":        {"cluster", "failover/program", "failover/roster"}, // what it asks for comes through an interface that cmd fills with the API

	"cluster/agent/identity":    {"cluster", "cluster/durable"},
	"cluster/consensus/storage": {"cluster", "cluster/durable"},
	"cluster/consensus/logger":  {},
	"cluster/consensus/lane":    {},
	"cluster/consensus/queue":   {"cluster/state"},
	"cluster/gossip/message":    {"cluster"},
	"cluster/gossip/membership": {"cluster", "cluster/gossip/message"},

	"failover/render":          {"cluster", "cluster/state", "failover/program", "failover/roster"},
	"failover/render/language": {},
	"failover/render/remote":   {"failover/render/language"},
	"failover/render/dedup":    {"failover/render/language", "failover/render/remote"},
	"failover/render/child":    {},
}

// forAll is what any folder may import: each knows nothing of ours, and does one thing that several need.
var forAll = []string{"cluster/pause", "cluster/unread"}

// onlyIn lists the libraries that carry one mechanism each, and the folders that may import them.
var onlyIn = map[string][]string{
	"github.com/hashicorp/raft":           {"cluster/consensus"},
	"github.com/hashicorp/raft-boltdb":    {"cluster/consensus"},
	"github.com/hashicorp/raft-wal":       {"cluster/consensus"},
	"github.com/hashicorp/memberlist":     {"cluster/gossip"},
	"github.com/hashicorp/serf":           {"cluster/gossip"},
	"github.com/vishvananda/netlink":      {"failover/vip", "failover/lab", "failover/fence", "failover/effect"},
	"github.com/cilium/ebpf":              {"failover/fence"},
	"github.com/google/nftables":          {"failover/fence", "failover/effect"},
	"github.com/pires/go-proxyproto":      {"failover/proxy"},
	"github.com/miekg/dns":                {"dnsapi", "cluster/check"},
	"github.com/go-sql-driver/mysql":      {"cluster/mysql"},
	"github.com/jackc/pgx":                {"cluster/check"},
	"github.com/hashicorp/go-metrics":     {"cmd/holdfast/telemetry"},
	"github.com/shirou/gopsutil":          {"httpapi/agent"},
	"github.com/Masterminds/sprig":        {"failover/render/language"},
	"github.com/prometheus/client_golang": {"cmd", "cluster/agent", "failover", "dnsapi", "httpapi"},
}

func tree(t *testing.T) []imported {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=Dir,ImportPath,Doc,Imports", "holdfast/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []imported
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p imported
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportRule(t *testing.T) {
	for _, p := range tree(t) {
		dir := strings.TrimPrefix(p.ImportPath, "holdfast/")
		for _, i := range p.Imports {
			if own, ok := strings.CutPrefix(i, "holdfast/"); ok && !strings.HasPrefix(dir, "cmd/") && !allowed(rowOf(dir), dir, own) {
				t.Errorf("%s imports %s: the import rule in DESIGN.md does not allow it", dir, own)
			}
			for lib, dirs := range onlyIn {
				if within(i, lib) && !slices.ContainsFunc(dirs, func(d string) bool { return within(dir, d) }) {
					t.Errorf("%s imports %s: only %s may", dir, i, strings.Join(dirs, ", "))
				}
			}
		}
	}
}

// rowOf is what a folder may import.
func rowOf(dir string) []string {
	row, listed := mayImport[dir]
	if !listed && strings.HasPrefix(dir, "httpapi/") {
		row = mayImport["httpapi/FAMILY"]
	}
	return row
}

// allowed lets a folder import what its row lists, and without a row its own sub-folders and what is for all.
func allowed(row []string, dir, own string) bool {
	return slices.Contains(row, own) || within(own, dir) || slices.Contains(forAll, own)
}

func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// TestPackageComments holds that each package says what it is for: the comment is the first thing that a reader looks for.
func TestPackageComments(t *testing.T) {
	for _, p := range tree(t) {
		if len(p.Doc) < 40 {
			t.Errorf("%s has no package comment that says what it is for", p.ImportPath)
		}
	}
}

// maxLines is how long a package may be, without its tests; longer says which may be longer.
const maxLines = 2500

var longer = map[string]int{
	"cluster/state": 3750, // one transaction: DESIGN.md says why
}

// TestPackageCanBeRead holds that no package is longer than what a reader can keep in mind.
func TestPackageCanBeRead(t *testing.T) {
	for _, p := range tree(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			lines += bytes.Count(b, []byte("\n"))
		}
		dir := strings.TrimPrefix(p.ImportPath, "holdfast/")
		if limit := cmp.Or(longer[dir], maxLines); lines > limit {
			t.Errorf("%s has %d lines, and %d are the limit: give what can stand alone a package of its own", dir, lines, limit)
		}
	}
}
