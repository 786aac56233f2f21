package cluster

import (
	"strings"
	"testing"
)

func TestCheckClusterID(t *testing.T) {
	for _, id := range []string{"8d6e4e3a-2f0f-4b7e-9a3e-111111111111", "x", strings.Repeat("x", 64)} {
		if err := CheckClusterID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", " ", "a b", "a\x00", "ä", NoCluster, UnnamedCluster, strings.Repeat("x", 65)} {
		if err := CheckClusterID(id); CodeOf(err) != Invalid || err == nil {
			t.Errorf("%q: error %v, want one of code %v", id, err, Invalid)
		}
	}
}

func TestMemberClusterID(t *testing.T) {
	for tag, want := range map[string]string{"": "", NoCluster: "", UnnamedCluster: "", "id": "id"} {
		if got := (Member{Tags: map[string]string{TagCluster: tag}}).ClusterID(); got != want {
			t.Errorf("the tag %q is the cluster ID %q, want %q", tag, got, want)
		}
	}
	if got := (Member{}).ClusterID(); got != "" {
		t.Errorf("no tag is the cluster ID %q", got)
	}
}
