package roster

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// TestRoster holds that an entry that stays runs on, that a gone one ends, and that a new one can wait for it.
func TestRoster(t *testing.T) {
	events := make(chan string, 100)
	hold := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{}), "c": make(chan struct{})}
	close(hold["a"])
	close(hold["c"])
	r := New(func(ctx context.Context, name string, former <-chan struct{}) {
		events <- "begin " + name
		if name == "c" {
			<-former
			events <- "alone " + name
		}
		<-ctx.Done()
		<-hold[name]
		events <- "end " + name
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.Run(ctx) }()
	expect := func(want ...string) {
		t.Helper()
		var got []string
		for range want {
			got = append(got, <-events)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != fmt.Sprint(want) || len(events) > 0 {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	r.Set(func([]string) []string { return []string{"a", "b"} })
	expect("begin a", "begin b")
	r.Set(func(now []string) []string { return append(now[:1], "c") })
	expect("begin c")
	if got := fmt.Sprint(r.List()); got != "[a c]" {
		t.Errorf("the list is %s", got)
	}
	close(hold["b"])
	expect("alone c", "end b")
	r.Set(func([]string) []string { return []string{"c", "a"} }) // another order is no change
	r.Set(func(now []string) []string { return now[:1] })
	expect("end a")
	cancel()
	<-ended
	expect("end c")
}
