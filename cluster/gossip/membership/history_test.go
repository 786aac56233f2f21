package membership

import (
	"bytes"
	"strconv"
	"testing"

	"holdfast/cluster/gossip/message"
)

func TestHistory(t *testing.T) {
	event := func(time message.Time, origin, payload string) message.UserEvent {
		return message.UserEvent{Time: time, Origin: origin, Payload: []byte(payload)}
	}
	h := &History{}
	for _, row := range []struct {
		why   string
		event message.UserEvent
		want  bool
	}{
		{"new", event(5, "a", "x"), true},
		{"again", event(5, "a", "x"), false},
		{"another sender at that time", event(5, "b", "x"), true},
		{"another payload at that time", event(5, "a", "y"), true},
		{"late, but not too late", event(3, "a", "x"), true},
		{"much later", event(5+historySpan, "a", "x"), true},
		{"its slot was taken over", event(5, "c", "z"), false},
		{"just within the span", event(6, "c", "z"), true},
		{"from a time that cannot be", event(5+historySpan+maxAhead+1, "a", "x"), false},
	} {
		if got := h.Add(row.event); got != row.want {
			t.Errorf("%s: %v", row.why, got)
		}
	}
	h.skip(1000)
	if h.Add(event(1000, "a", "before")) || !h.Add(event(1001, "a", "after")) {
		t.Error("skip does not tell old from new")
	}
	for i := range 2 * historyWidth {
		h.Add(event(1002, strconv.Itoa(i), "flood"))
	}
	if got := len(h.slots[1002%historySpan].events); got != historyWidth {
		t.Errorf("%d events of one time are kept", got)
	}
}

func TestHistoryReplaysTheLatest(t *testing.T) {
	h := &History{}
	big := bytes.Repeat([]byte{1}, message.MaxPayload)
	for i := range 100 {
		h.Add(message.UserEvent{Time: message.Time(i + 1), Origin: "a", Payload: big})
	}
	got := h.latest(10 * (message.MaxPayload + 20))
	if len(got) != 10 || got[0].Time != 91 || got[9].Time != 100 {
		t.Errorf("%d events from %d", len(got), got[0].Time)
	}
	if all := h.latest(1 << 20); len(all) != 100 {
		t.Errorf("%d of all", len(all))
	}
}
