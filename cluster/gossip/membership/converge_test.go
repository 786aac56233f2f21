package membership

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// Members that all live, of whom all sorts of things are said: whatever is lost, repeated or comes in another order, in the end everybody
// sees everybody alive, and the times agree.
func TestIntentsConverge(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		views := make([]*view, 5)
		for i := range views {
			views[i] = newView(fmt.Sprint("n", i))
		}
		for _, v := range views {
			for _, o := range views {
				if o != v {
					v.Joined(node(o.self))
				}
			}
		}
		var wire []message.Intent // what gossip has seen, each to be delivered any number of times
		drain := func(v *view) {
			wire = append(wire, v.spread...)
			v.spread = nil
		}
		for range 60 {
			v, o := views[random.IntN(5)], views[random.IntN(5)]
			switch random.IntN(5) {
			case 0:
				if v != o {
					wire = append(wire, v.write(message.LeaveIntent+message.IntentKind(random.IntN(2)), o.self))
				}
			case 1:
				v.Announce()
			case 2:
				tell(v, o)
			default:
				if len(wire) > 0 {
					v.Hear(wire[random.IntN(len(wire))])
				}
			}
			drain(v)
			drain(o)
		}
		settle(views)
		for _, v := range views {
			for _, o := range views {
				r := v.records[o.self]
				if r == nil || r.member.Status != cluster.StatusAlive || r.time != o.records[o.self].time || r.prune {
					t.Fatalf("seed %d: %s sees %s as %+v, it is at %d", seed, v.self, o.self, r, o.records[o.self].time)
				}
			}
		}
	}
}

// settle has every member tell every other what it knows, until nobody has anything to refute.
func settle(views []*view) {
	for range 3 * len(views) {
		for _, v := range views {
			for _, o := range views {
				if v != o {
					tell(v, o)
				}
			}
		}
	}
}
