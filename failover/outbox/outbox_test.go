package outbox

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"

	"holdfast/failover/failovertest"
)

func TestOutboxSendsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := failovertest.NewPipe(0)
		out := New(near)
		go out.Run()
		for i := range 10 {
			out.Send(fmt.Append(nil, i))
		}
		for i := range 10 {
			if msg, err := far.Recv(); err != nil || string(msg) != strconv.Itoa(i) {
				t.Fatalf("message %d: %q, %v", i, msg, err)
			}
		}
		out.Close()
		synctest.Wait()
		if _, err := far.Recv(); err == nil {
			t.Error("the stream is open after close")
		}
	})
}

// TestOutboxNeverWaits holds that a peer who takes nothing costs the sender neither time nor memory: the oldest messages go.
func TestOutboxNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := failovertest.NewPipe(0)
		out := New(near)
		go out.Run()
		out.Send([]byte("under way"))
		synctest.Wait()
		for i := range 3 * maxQueue {
			out.Send(fmt.Append(nil, i))
		}
		if msg, _ := far.Recv(); string(msg) != "under way" {
			t.Fatalf("first: %q", msg)
		}
		for i := range maxQueue {
			if msg, _ := far.Recv(); string(msg) != strconv.Itoa(2*maxQueue+i) {
				t.Fatalf("message %d: %q, want the newest %d", i, msg, maxQueue)
			}
		}
		out.Close()
	})
}

// TestOutboxClosesABrokenStream holds that the reader of a stream ends when the writer has failed, and that send stays harmless.
func TestOutboxClosesABrokenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := failovertest.NewPipe(0)
		out := New(near)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			out.Run()
		}()
		_ = far.Close()
		out.Send([]byte("x"))
		<-ended
		out.Send([]byte("y"))
		out.Close()
		out.Close()
	})
}
