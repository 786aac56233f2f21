package config

import (
	"reflect"
	"slices"
	"testing"
)

func TestReload(t *testing.T) {
	now, err := Build(parse(t, "x.hcl", `bind_addr = "127.0.0.1" node_name = "a" log_level = "info" service { name = "a" }`))
	if err != nil {
		t.Fatal(err)
	}
	same, restart := now.Reload(now)
	if !reflect.DeepEqual(same, now) || restart != nil {
		t.Errorf("a reload of the same changes %+v, restart %q", same, restart)
	}
	next, err := Build(parse(t, "x.hcl", `bind_addr = "127.0.0.2" node_name = "a" log_level = "debug" service { name = "b" } leave_on_terminate = false ports { http = 1 }`))
	if err != nil {
		t.Fatal(err)
	}
	got, restart := now.Reload(next)
	if got.LogLevel != "debug" || got.Services[0].Service.Name != "b" || got.LeaveOnTerminate {
		t.Errorf("not taken over: %+v", got)
	}
	if got.BindAddr != now.BindAddr || !slices.Equal(got.HTTPAddrs, now.HTTPAddrs) {
		t.Errorf("taken over although it runs on: %+v", got)
	}
	if want := []string{"bind_addr", "advertise_addr", "addresses.http or ports.http"}; !slices.Equal(restart, want) {
		t.Errorf("restart = %q, want %q", restart, want)
	}
	if now.LogLevel != "info" {
		t.Error("the old config has changed")
	}
}

// TestEveryFieldNamesItsKey holds that a reload can say which key has changed.
func TestEveryFieldNamesItsKey(t *testing.T) {
	for f := range reflect.TypeFor[Config]().Fields() {
		if f.Tag.Get("key") == "" {
			t.Errorf("Config.%s has no key", f.Name)
		}
	}
}
