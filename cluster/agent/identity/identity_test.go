package identity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/cluster"
)

func TestIdentity(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	who, err := Open(dir, "", "n1")
	if err != nil || len(who.ID) != 36 || who.Name != "n1" || who.Cluster != "" {
		t.Fatalf("%+v, %v", who, err)
	}
	if err := KeepCluster(dir, "id-a"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", who.ID} {
		again, err := Open(dir, id, "n1")
		if err != nil || again.ID != who.ID || again.Cluster != "id-a" {
			t.Errorf("again with node_id %q: %+v, %v", id, again, err)
		}
	}
	for _, x := range []struct{ id, name, want string }{
		{"", "n2", `belongs to node "n1"`},
		{"another", "n1", "belongs to node ID " + who.ID},
	} {
		if _, err := Open(dir, x.id, x.name); cluster.CodeOf(err) != cluster.Invalid || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: error %v", x, err)
		}
	}
}

// TestDirectoryOfAnother holds that nothing is written where another program keeps what it knows.
func TestDirectoryOfAnother(t *testing.T) {
	for _, x := range []struct {
		file, id string
		refused  bool
	}{
		{"node-id", "", true},
		{"node-id", "id-a", true},
		{"raft/raft.db", "", true},
		{"raft/raft.db", "id-a", false}, // node.json was lost; whose the log is, that says itself
		{"consul.log", "", false},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, x.file)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, x.id, "n1")
		refused := err != nil && strings.Contains(err.Error(), "has a "+x.file+" and no node.json: it belongs to another program, perhaps to Consul")
		if refused != x.refused || Exists(dir) == x.refused {
			t.Errorf("%+v: error %v, node.json is there: %t", x, err, Exists(dir))
		}
	}
}

func TestIdentityOfAnEarlierVersion(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, identityFile)
	for content, want := range map[string]Identity{
		`{"ID":"id-1","Name":"n1"}`:                               {ID: "id-1", Name: "n1"},
		`{"ID":"id-1","Name":"n1","Cluster":"id-a","Later":true}`: {ID: "id-1", Name: "n1", Cluster: "id-a"},
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Open(dir, "", "n1"); got != want || err != nil {
			t.Errorf("%s is %+v, %v", content, got, err)
		}
	}
	for _, content := range []string{"", "{", `{"Name":"n1"}`, `{"ID":"id-1","Name":"n1","Cluster":"a b"}`} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, "", "n1"); cluster.CodeOf(err) != cluster.Invalid || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%q: error %v", content, err)
		}
	}
	if err := KeepCluster(t.TempDir(), "id-a"); err == nil {
		t.Error("a cluster ID was kept where there is no node ID")
	}
}
