package systemd

import (
	"context"
	"testing"
	"time"
)

// TestSystemd holds that it boots, knows the units that it was given and starts them.
func TestSystemd(t *testing.T) {
	if why := Missing(t.Context()); why != "" {
		t.Skip(why)
	}
	s, err := New(map[string]string{"a.service": "[Service]\nExecStart=/bin/sleep infinity\n"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Await(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := s.Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ended := make(chan string, 1)
	if _, err := c.StartUnitContext(ctx, "a.service", "replace", ended); err != nil {
		t.Fatal(err)
	}
	select {
	case how := <-ended:
		if how != "done" {
			t.Errorf("the start ended as %q", how)
		}
	case <-ctx.Done():
		t.Fatal("the start does not end")
	}
}
