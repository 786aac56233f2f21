package local

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// BenchmarkRegister1000 registers 1,000 services with a check each, kept on disk, and waits for the catalog after each.
func BenchmarkRegister1000(b *testing.B) {
	const n = 1000
	for name, all := range map[string]func(func(int)){
		"one after another": func(register func(int)) {
			for i := range n {
				register(i)
			}
		},
		"at once": func(register func(int)) {
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() { register(i) })
			}
			wg.Wait()
		},
	} {
		for _, dir := range []string{"memory", "disk"} {
			b.Run(name+"/"+dir, func(b *testing.B) {
				for b.Loop() {
					f := newFakeCatalog()
					opts := Options{}
					if dir == "disk" {
						opts.Dir = b.TempDir()
					}
					r := newRegistry(f, opts)
					ctx, cancel := context.WithCancel(b.Context())
					done := make(chan struct{})
					go func() { defer close(done); r.Run(ctx) }()
					all(func(i int) {
						if err := r.RegisterService(service(fmt.Sprintf("s%d", i), ttl(fmt.Sprintf("c%d", i)))); err != nil {
							b.Error(err)
						}
						if err := r.Sync(ctx); err != nil {
							b.Error(err)
						}
					})
					b.ReportMetric(float64(len(f.commits())), "commits")
					cancel()
					<-done
				}
			})
		}
	}
}
