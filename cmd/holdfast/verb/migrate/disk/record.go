package disk

import "fmt"

// The types of records that are read.
const (
	typeRegister = 0
	typeKey      = 2
	typeSession  = 3
	typeQuery    = 7
)

// Group is why records of a type stay behind.
type Group int

// The groups.
const (
	Access    Group = iota // of access rules
	Mesh                   // of the service mesh
	Peering                // of other clusters and datacenters
	Elsewhere              // of another namespace, partition or cluster, though of a type that is read
	Unknown                // a type that this version has no name for
	internal               // what Consul notes for itself; nobody misses it
)

// Count is how many records of one kind stay behind.
type Count struct {
	What  string // in the singular
	Group Group
	N     int
}

// kind is what is known of a type of records that is not read.
type kind struct {
	what  string
	group Group
}

// kinds are the types of records that are not read, by the numbers that Consul gives them.
var kinds = map[byte]kind{
	4: {"old ACL token", Access}, 11: {"ACL bootstrap note", internal},
	17: {"ACL token", Access}, 19: {"ACL policy", Access}, 23: {"ACL role", Access}, 25: {"ACL binding rule", Access}, 27: {"ACL auth method", Access},

	12: {"intention", Mesh}, 22: {"config entry", Mesh}, 13: {"CA root", internal}, 14: {"CA state", internal}, 15: {"CA configuration", internal}, 21: {"CA index", internal},
	32: {"virtual IP of the mesh", Mesh}, 33: {"free virtual IP of the mesh", internal}, 34: {"name of a kind of service", internal}, 43: {"virtual IP of the mesh", Mesh},

	10: {"network area", Peering}, 30: {"federation state", internal},
	35: {"cluster peering", Peering}, 38: {"trust bundle of a peering", internal}, 40: {"secret of a peering", internal},

	5: {"tombstone", internal}, 6: {"coordinate", internal}, 9: {"autopilot configuration", internal}, 16: {"index", internal}, 29: {"chunking state", internal},
	31: {"system metadata", internal}, 41: {"verifier checkpoint", internal}, 42: {"resource", Mesh},
}

// tally counts what stays behind, in the order in which it comes.
type tally struct {
	counts []Count
	place  map[string]int
}

func (t *tally) add(what string, group Group) {
	if group == internal {
		return
	}
	i, ok := t.place[what]
	if !ok {
		if t.place == nil {
			t.place = map[string]int{}
		}
		i = len(t.counts)
		t.place[what] = i
		t.counts = append(t.counts, Count{What: what, Group: group})
	}
	t.counts[i].N++
}

// skipped counts a record of a type that is not read.
func (t *tally) skipped(number byte) {
	k, ok := kinds[number]
	if !ok {
		k = kind{fmt.Sprintf("record of type %d", number), Unknown}
	}
	t.add(k.what, k.group)
}
