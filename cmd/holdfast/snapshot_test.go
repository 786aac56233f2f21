package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/cluster/archive"
)

// TestSnapshotVerbs saves, inspects and restores against an agent in -dev.
func TestSnapshotVerbs(t *testing.T) {
	t.Parallel()
	c := startAgent(t, "", "-dev", "-node", "n1")
	c.await(leadLine)
	eventually(t, "the catalog has the node", func() bool { return strings.Contains(c.api("/v1/catalog/nodes"), "n1") })
	dir := t.TempDir()
	file := filepath.Join(dir, "backup.snap")
	s := &session{t: t, addr: c.http}
	s.run("kv", "put", "app/db/user", "then")
	s.run("kv", "put", "app/db/password", "then")
	s.run("kv", "put", "other", "then")
	s.run("snapshot", "save", file)
	s.run("kv", "put", "app/db/user", "now")
	s.run("kv", "delete", "other")
	s.run("snapshot", "restore", file)
	s.run("kv", "get", "app/db/user")
	s.run("kv", "get", "other")
	s.run("snapshot", "save", "-stale", "-append-filename=dc,node,version,status", file)
	s.run("snapshot", "save", "-append-filename=rack", file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(dir, "torn.snap")
	if err := os.WriteFile(torn, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	s.run("snapshot", "restore", torn)
	s.run("snapshot", "inspect", torn)
	s.run("snapshot", "decode", torn)
	s.run("snapshot", "restore", filepath.Join(dir, "none"))
	golden(t, "session/snapshot", regexp.MustCompile(`index \d+`).ReplaceAllString(strings.ReplaceAll(steady(s.b.String()), dir, "DIR"), "index N"))

	if _, err := os.Stat(filepath.Join(dir, "backup-dc1-n1-1.21.4-leader.snap")); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*unverified*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	inspected(t, file)
}

// inspected holds what inspect says, as text and as JSON, and what decode does.
func inspected(t *testing.T, file string) {
	t.Helper()
	text := terminal{}.run(t, "snapshot", "inspect", "-kvdetails", "-kvfilter", "app/", file)
	for _, want := range []string{`(?m)^ ID +\d+-\d+-\d+$`, `(?m)^ Version +1$`, `(?m)^ Type +Count +Size$`, `(?m)^ KVS +3 +[\d.]+B$`, `(?m)^ Key Name +Count +Size$`, `(?m)^ app/db +2 +[\d.]+B$`, `(?m)^ Total +[\d.]+K?B$`} {
		if !regexp.MustCompile(want).MatchString(text.out) {
			t.Errorf("inspect does not print %s:\n%s%s", want, text.out, text.err)
		}
	}
	decoded := terminal{}.run(t, "snapshot", "decode", file)
	for _, want := range []string{`^\{"Type":"SnapshotHeader","Data":\{"LastIndex":\d+\}\}\n`, `(?m)^\{"Type":"KVS","Data":\{"Key":"app/db/user","Value":"dGhlbg==",.*\}\}$`, `(?m)^\{"Type":"Node","Data":\{.*"n1"`} {
		if !regexp.MustCompile(want).MatchString(decoded.out) {
			t.Errorf("decode does not print %s:\n%s%s", want, decoded.out, decoded.err)
		}
	}
	var x struct {
		Meta    archive.Meta
		StatsKV []struct {
			Name  string
			Count int
		}
		TotalSize int
	}
	got := terminal{}.run(t, "snapshot", "inspect", "-format=json", "-kvdetails", "-kvdepth=1", file)
	if err := json.Unmarshal([]byte(got.out), &x); err != nil {
		t.Fatal(err)
	}
	if len(x.StatsKV) != 2 || x.StatsKV[0].Name != "app" || x.StatsKV[0].Count != 2 || x.Meta.Size == 0 || len(x.Meta.Configuration.Servers) != 1 || x.TotalSize == 0 {
		t.Errorf("inspect -format=json: %s", got.out)
	}
}
