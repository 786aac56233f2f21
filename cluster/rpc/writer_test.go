package rpc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gated is a connection whose writes wait for the gate and are kept.
type gated struct {
	scripted
	gate chan int // how much of a write to take; negative fails after none

	mu     sync.Mutex // guards following
	writes [][]byte
}

var errGate = errors.New("the wire is cut")

func (g *gated) Write(p []byte) (int, error) {
	n := <-g.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if n < len(p) {
		g.writes = append(g.writes, slices.Clone(p[:n]))
		return n, errGate
	}
	g.writes = append(g.writes, slices.Clone(p))
	return len(p), nil
}

const everything = 1 << 30

// newGated is a running writer over a gated connection. The test ends it.
func newGated() (*writer, *gated) {
	g := &gated{gate: make(chan int)}
	w := newWriter(g, time.Second)
	go w.run()
	return w, g
}

func message(size int) frame { return frame{kind: kindMessage, body: make([]byte, size)} }

func TestWriterSharesWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, g := newGated()
		if _, err := w.send(t.Context(), message(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the first frame is being written
		var want []byte
		for i := range 100 {
			f := frame{kind: kindMessage, body: []byte{byte(i)}}
			if _, err := w.send(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			want = f.append(want)
		}
		g.gate <- everything
		g.gate <- everything
		w.finish()
		if len(g.writes) != 2 || !bytes.Equal(g.writes[1], want) {
			t.Errorf("%d writes, want 2: the frame that was alone, and the 100 that came meanwhile, in order", len(g.writes))
		}
		if _, err := w.send(t.Context(), message(1)); err == nil {
			t.Error("a frame was taken after the end")
		}
	})
}

func TestWriterMakesSendersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, g := newGated()
		for range 2 { // one in the write, one that fills the room
			if _, err := w.send(t.Context(), message(roomFor)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := w.send(ctx, message(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without room: error %v, want that the context ended", err)
		}
		if _, err := w.push(message(1)); err != nil {
			t.Errorf("push: %v", err)
		}
		sent := make(chan error, 1)
		go func() {
			_, err := w.send(t.Context(), message(1))
			sent <- err
		}()
		synctest.Wait()
		select {
		case err := <-sent:
			t.Fatalf("a sender did not wait for room (%v)", err)
		default:
		}
		go func() {
			for range 2*roomFor/writeSize + 10 {
				select {
				case g.gate <- everything:
				case <-w.ended:
					return
				}
			}
		}()
		if err := <-sent; err != nil {
			t.Error(err)
		}
		w.finish()
	})
}

func TestWriterKnowsWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, g := newGated()
		alone, _ := w.send(t.Context(), message(10))
		synctest.Wait()
		var batch []ticket
		for range 3 {
			t, _ := w.push(message(10))
			batch = append(batch, t)
		}
		g.gate <- everything
		synctest.Wait() // the batch is being written
		late, _ := w.push(message(10))
		size := int(alone.end)
		g.gate <- 2*size - 1 // and breaks one byte before the end of its second frame
		<-w.ended
		for _, row := range []struct {
			name   string
			ticket ticket
			unsent bool
		}{
			{"written before", alone, false},
			{"written whole", batch[0], false},
			{"cut", batch[1], true},
			{"behind the cut", batch[2], true},
			{"still waiting", late, true},
		} {
			if w.unsent(row.ticket) != row.unsent {
				t.Errorf("%s: unsent is %v", row.name, !row.unsent)
			}
		}
		if _, err := w.send(t.Context(), message(1)); !errors.Is(err, errGate) {
			t.Errorf("afterwards: error %v, want the reason", err)
		}
		if err := w.fail(errors.New("later")); !errors.Is(err, errGate) {
			t.Errorf("the reason became %v", err)
		}
	})
}

func TestWriterTakesFramesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, g := newGated()
		first, _ := w.send(t.Context(), frame{kind: kindRequest, id: 1})
		synctest.Wait()
		second, _ := w.send(t.Context(), frame{kind: kindRequest, id: 2, body: []byte("body")})
		if _, err := w.send(t.Context(), frame{kind: kindRequest, id: 3}); err != nil {
			t.Fatal(err)
		}
		if w.withdraw(first) {
			t.Error("a frame was taken back that is being written")
		}
		if !w.withdraw(second) {
			t.Error("a frame was not taken back that waits")
		}
		g.gate <- everything
		g.gate <- everything
		w.finish()
		r := newReader(t.Context(), scripted{in: bytes.NewReader(bytes.Join(g.writes, nil))}, 1000, time.Second)
		defer r.stop()
		for i, want := range []kind{kindRequest, kindVoid, kindRequest} {
			if f, err := r.next(); err != nil || f.kind != want {
				t.Errorf("frame %d: kind %d, error %v; want kind %d", i, f.kind, err, want)
			}
		}
	})
}

func TestWriterGivesUpOnAStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		w := newWriter(here, time.Second)
		go w.run()
		start := time.Now()
		if _, err := w.send(t.Context(), message(1)); err != nil {
			t.Fatal(err)
		}
		<-w.ended
		if took := time.Since(start); took != time.Second {
			t.Errorf("after %s, want 1s", took)
		}
		if _, err := there.Read(make([]byte, 1)); err == nil {
			t.Error("the connection is still open")
		}
	})
}
