package gossip

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"holdfast/cluster"
)

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
