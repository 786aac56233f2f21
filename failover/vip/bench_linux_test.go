package vip

import (
	"testing"
	"time"
)

// bench runs one operation over and over for each family.
func bench(b *testing.B, operation func(h *Host, m *machine, a Address) error, before ...func(h *Host, m *machine, a Address) error) {
	for name, a := range map[string]Address{"ipv4": vip4, "ipv6": vip6} {
		b.Run(name, func(b *testing.B) {
			m := segment(b, 1)[0]
			h := m.host()
			for _, f := range before {
				check(b, f(h, m, a))
			}
			b.ReportAllocs()
			for b.Loop() {
				check(b, operation(h, m, a))
			}
		})
	}
}

func put(h *Host, m *machine, a Address) error { return h.Put(m.eth0, a, 30*time.Second) }

func BenchmarkAddRemove(b *testing.B) {
	bench(b, func(h *Host, m *machine, a Address) error {
		if err := put(h, m, a); err != nil {
			return err
		}
		return h.Remove(m.eth0, a)
	})
}

func BenchmarkRefresh(b *testing.B) { bench(b, put, put) }

func BenchmarkAnnounce(b *testing.B) {
	bench(b, func(h *Host, m *machine, a Address) error {
		return h.Announce(b.Context(), m.eth0, a.Prefix.Addr(), 1, 0)
	}, put)
}

func BenchmarkSetUnchanged(b *testing.B) {
	bench(b, func(h *Host, _ *machine, a Address) error {
		_, err := h.Set([]Assigned{{a, 30 * time.Second}})
		return err
	}, put)
}
