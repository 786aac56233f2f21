package gossip

import (
	"fmt"
	"math/rand/v2"
	"strconv"
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
					v.joined(node(o.self))
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
				v.announce()
			case 2:
				tell(v, o)
			default:
				if len(wire) > 0 {
					v.hear(wire[random.IntN(len(wire))])
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

// Members come and go in every way for a while. Then those that are there see each other alive, and nobody else.
func TestChurn(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const names = 6
	keeper := open(t, "keeper")
	running := map[string]*member{}
	for range 40 {
		name := fmt.Sprint("n", random.IntN(names))
		m, up := running[name]
		switch {
		case !up:
			m = open(t, name)
			if n, _ := m.Join(t.Context(), []string{keeper.addr()}); n == 0 { // its old life still counts as alive
				closeNow(t, m)
				continue
			}
			running[name] = m
		case random.IntN(3) == 0:
			if err := m.Leave(t.Context()); err != nil {
				t.Log(err) // the others see it fail, and know why
			}
			fallthrough
		case random.IntN(2) == 0:
			closeNow(t, m)
			delete(running, name)
		case random.IntN(2) == 0:
			_ = keeper.ForceLeave(name, random.IntN(2) == 0)
		default:
			if err := m.SetTags(map[string]string{"r": strconv.FormatUint(random.Uint64(), 10)}); err != nil {
				t.Error(err)
			}
		}
	}
	running["keeper"] = keeper
	for _, m := range running {
		for _, o := range running {
			self := o.Self()
			eventually(t, fmt.Sprintf("%s to see %s alive as it is", m.cfg.Name, self.Name), func() bool {
				got, _ := m.find(self.Name)
				return got.Status == cluster.StatusAlive && got.Addr == self.Addr && got.Tags["r"] == self.Tags["r"]
			})
		}
		for i := range names {
			if name := fmt.Sprint("n", i); running[name] == nil {
				eventually(t, fmt.Sprintf("%s to see %s gone", m.cfg.Name, name), func() bool {
					s := m.status(name)
					return s != cluster.StatusAlive && s != cluster.StatusLeaving
				})
			}
		}
	}
}
