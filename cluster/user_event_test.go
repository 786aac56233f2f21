package cluster

import (
	"strings"
	"testing"
)

func TestUserEventValidate(t *testing.T) {
	for _, c := range []struct {
		event UserEvent
		want  string // what the sentence holds; "" for a valid event
	}{
		{UserEvent{Name: "deploy"}, ""},
		{UserEvent{Name: "deploy", NodeFilter: "^web", ServiceFilter: "a|b", TagFilter: "v[0-9]+"}, ""},
		{UserEvent{}, "User event missing name"},
		{UserEvent{Name: "x", TagFilter: "v1"}, "Cannot provide tag filter without service filter"},
		{UserEvent{Name: "x", NodeFilter: "("}, `Invalid node filter "("`},
		{UserEvent{Name: "x", ServiceFilter: "["}, `Invalid service filter "["`},
		{UserEvent{Name: "x", ServiceFilter: "s", TagFilter: "a{2000}"}, `Invalid tag filter "a{2000}"`},
	} {
		err := c.event.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want) || CodeOf(err) != Invalid) {
			t.Errorf("%+v: %v, want %q", c.event, err, c.want)
		}
	}
}

func TestUserEventIndex(t *testing.T) {
	for id, want := range map[string]uint64{
		"cb9a81ad-fff6-52ac-92a7-5f70687805ec": 0xcb9a81adfff652ac ^ 0x92a75f70687805ec,
		"00000000-0000-0000-0000-000000000001": 1,
		"":                                     0,
		"not-a-uuid":                           0,
		"00000000-0000-0000-0000-00000000000g": 0,
		"0000000000000000000000000000000000-1": 0,
	} {
		got, ok := (&UserEvent{ID: id}).Index()
		if got != want && ok || ok != (want != 0) {
			t.Errorf("%q: %x, %t, want %x", id, got, ok, want)
		}
	}
}
