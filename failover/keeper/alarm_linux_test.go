package keeper

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAlarm holds that an alarm goes off once each time that it is set, and by a clock that runs on while the machine sleeps.
func TestAlarm(t *testing.T) {
	rang := make(chan time.Time, 10)
	a, err := newAlarm(func() { rang <- time.Now() })
	must(t, err)
	defer a.close()
	for range 2 {
		a.set(time.Hour)
		a.set(20 * time.Millisecond) // counts instead
		began := time.Now()
		select {
		case at := <-rang:
			if at.Sub(began) < 15*time.Millisecond {
				t.Errorf("it went off after %s", at.Sub(began))
			}
		case <-time.After(10 * time.Second):
			t.Fatal("it does not go off")
		}
	}
	a.set(time.Hour)
	raw, err := a.f.SyscallConn()
	must(t, err)
	var info []byte
	must(t, raw.Control(func(fd uintptr) { info, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd)) }))
	must(t, err)
	if !strings.Contains(string(info), "clockid: 7\n") { // CLOCK_BOOTTIME
		t.Errorf("its clock is another one:\n%s", info)
	}
	a.stop()
	must(t, raw.Control(func(fd uintptr) { info, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd)) }))
	must(t, err)
	if !strings.Contains(string(info), "it_value: (0, 0)") {
		t.Errorf("it was stopped, and is set still:\n%s", info)
	}
	if len(rang) > 0 {
		t.Error("it went off once more")
	}
}
