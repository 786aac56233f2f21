package gossip

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

func TestUserEventReachesAllOnce(t *testing.T) {
	all := openAll(t, 5, calm)
	var want []string
	for i := range 20 {
		payload := fmt.Sprintf("event %d", i)
		want = append(want, payload)
		if err := all[i%5].SendEvent([]byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	for _, m := range all {
		eventually(t, m.cfg.Name+" to have all", func() bool { return len(m.payloads()) >= len(want) })
	}
	// Every member compares all with another once more: nothing is delivered again.
	for i, m := range all {
		join(t, m, all[(i+1)%5])
	}
	for _, m := range all {
		if got := slices.Sorted(slices.Values(m.payloads())); !slices.Equal(got, want) {
			t.Errorf("%s got %q", m.cfg.Name, got)
		}
	}
}

func TestUserEventsOfOneMemberBearRisingTimes(t *testing.T) {
	m := open(t, "n1")
	for range 3 {
		if err := m.SendEvent([]byte("same")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "three events", func() bool { return len(m.payloads()) == 3 })
	m.mu.Lock()
	defer m.mu.Unlock()
	var last uint64
	for _, e := range m.events {
		if e.Type != EventUser {
			continue
		}
		if e.LTime <= last || e.Origin != "n1" {
			t.Errorf("event of %q at %d after %d", e.Origin, e.LTime, last)
		}
		last = e.LTime
	}
}

func TestLateStarterGetsNoOldUserEvents(t *testing.T) {
	m := open(t, "n1", calm)
	if err := m.SendEvent([]byte("old")); err != nil {
		t.Fatal(err)
	}
	late := open(t, "late", calm)
	if err := late.SendEvent([]byte("before it joined")); err != nil {
		t.Fatal(err)
	}
	join(t, late, m)
	if err := m.SendEvent([]byte("new")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new event", func() bool { return slices.Contains(late.payloads(), "new") })
	if got := late.payloads(); slices.Contains(got, "old") {
		t.Errorf("the late starter got %q", got)
	}
}

func TestUserEventReachesAMemberThatWasCutOff(t *testing.T) {
	net := &network{}
	all := openAll(t, 2, calm, net.join, func(cfg *Config) { cfg.RetransmitMult = 1 })
	join(t, all[0], all[1]) // both have met
	net.isolate(all[1])
	if err := all[0].SendEvent([]byte("missed")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "gossip to give up", func() bool { return all[0].outbox.len() == 0 })
	if len(all[1].payloads()) != 0 {
		t.Fatal("the network is not cut")
	}
	net.heal()
	eventually(t, "the next push/pull", func() bool { return slices.Equal(all[1].payloads(), []string{"missed"}) })
}

func TestLargestUserEventFits(t *testing.T) {
	// With the longest names, encrypted, and gossip alone.
	long := func(cfg *Config) { cfg.Name += string(bytes.Repeat([]byte{'x'}, message.MaxName-len(cfg.Name))) }
	one, two := open(t, "n1", calm, noPushPull, long, withKeys(key(1))), open(t, "n2", calm, noPushPull, long, withKeys(key(1)))
	join(t, two, one)
	payload := bytes.Repeat([]byte{0xa5}, MaxPayload)
	if err := one.SendEvent(payload); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it to arrive", func() bool { return slices.Equal(two.payloads(), []string{string(payload)}) })

	if err := one.SendEvent(append(payload, 0)); cluster.CodeOf(err) != cluster.TooLarge {
		t.Errorf("a larger one: %v", err)
	}
}

func TestEventsAreDeliveredInOrderWithNoLockHeld(t *testing.T) {
	var m *member
	var mu sync.Mutex
	var got []string
	m = unopened(quick("n1"))
	m.cfg.OnEvent = func(e Event) {
		m.Members() // would not return if a lock were held
		_ = m.SetTags(map[string]string{"seen": e.Type.String()})
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(e.Payload))
	}
	if err := m.Open(); err != nil {
		t.Fatal(err)
	}
	defer closeNow(t, m)
	var want []string
	for i := range 50 {
		want = append(want, strconv.Itoa(i))
		if err := m.SendEvent([]byte(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all in order", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Equal(slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s == "" }), want)
	})
}

func TestSlowReaderLosesUserEventsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newEventQueue(slog.New(slog.DiscardHandler))
		for range maxQueued + 10 {
			q.put(Event{Type: EventUser})
		}
		q.put(Event{Type: EventFail})
		ctx, cancel := context.WithCancel(t.Context())
		counts := map[EventType]int{}
		go q.deliver(ctx, func(e Event) { counts[e.Type]++ })
		synctest.Wait()
		if counts[EventUser] != maxQueued || counts[EventFail] != 1 {
			t.Errorf("delivered %v", counts)
		}
		cancel()
		synctest.Wait()
		q.put(Event{Type: EventFail})
		if got := q.take(); len(got) != 0 {
			t.Errorf("after the end there wait %v", got)
		}
	})
}
