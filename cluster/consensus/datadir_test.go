package consensus

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/codec"
	"holdfast/cluster/consensus/storage"
)

// The data_dirs that each format left behind: a snapshot of ten keys and a group, and ten more keys in the log. Each later version must
// read them. TestWriteDataDir makes the newest anew.
var formats = []string{"testdata/data-format1", "testdata/data-format2"}

func TestDataDirsOfAllFormats(t *testing.T) {
	for _, format := range formats {
		t.Run(format, func(t *testing.T) { readsDataDir(t, copyDir(t, format)) })
	}
}

func readsDataDir(t *testing.T, dir string) {
	t.Helper()
	m := startMember(t, "a", dir, func(c *Config) { c.Addr = "10.0.0.1:8300" })
	if m.store.AppliedIndex() == 0 {
		t.Error("the snapshot was not restored")
	}
	leaderOf(t, []*member{m})
	v := m.store.View()
	for i := range 20 {
		if e := v.KVGet(key(i)); e == nil || string(e.Value) != key(i) {
			t.Errorf("%s is %v", key(i), e)
		}
	}
	g := v.Group("gateway")
	if g == nil || len(g.VIPs) != 1 || g.VIPs[0].Prefix.String() != "10.77.0.100/24" || g.Service != "gateway" || !slices.Equal(g.Prefer, []string{"n1", "n2"}) {
		t.Errorf("the group is %+v", g)
	}
	want := []Server{{ID: "a", Addr: "10.0.0.1:8300", Voter: true}}
	if got := serversOf(t, m); !slices.Equal(got, want) {
		t.Errorf("the peer set is %v, want %v", got, want)
	}
	if m.Term() < 3 {
		t.Errorf("the term is %d: that of the directory is forgotten", m.Term())
	}
	write(t, []*member{m}, "after", "v")
}

func TestWriteDataDir(t *testing.T) {
	newest := formats[len(formats)-1]
	if os.Getenv("HOLDFAST_WRITE_DATA_DIR") == "" {
		t.Skip("set HOLDFAST_WRITE_DATA_DIR=1 to write " + newest + " anew, for a new format alone")
	}
	if err := os.RemoveAll(newest); err != nil {
		t.Fatal(err)
	}
	at := func(c *Config) { c.Addr, c.SegmentSize = "10.0.0.1:8300", storage.MinSegment }
	m := startMember(t, "a", t.TempDir(), at)
	bootstrapAlone(t, m)
	all := []*member{m}
	for i := range 10 {
		write(t, all, key(i), key(i))
	}
	vip := cluster.VIP{Prefix: netip.MustParsePrefix("10.77.0.100/24")}
	g := &cluster.PutGroup{Group: cluster.Group{Name: "gateway", Service: "gateway", Prefer: []string{"n1", "n2"}, VIPs: []cluster.VIP{vip}}}
	b, err := codec.EncodeCommand(g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Propose(testContext(t), b); err != nil {
		t.Fatal(err)
	}
	snapshotNow(t, m)
	for i := range 10 {
		write(t, all, key(10+i), key(10+i))
	}
	m.stop(t)
	if err := os.CopyFS(newest, os.DirFS(m.cfg.DataDir)); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(newest + "/raft/*")
	t.Log(files)
}
