package lane

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// patience is how long a test waits for what should take far less.
const patience = 20 * time.Second

// ends are both ends of a TCP connection.
func ends(t *testing.T) (leader, follower net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	leader, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	follower, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = leader.Close(); _ = follower.Close() })
	return leader, follower
}

// follower is a follower's end with a raft that answers when it is told to.
type follower struct {
	rpcs   chan raft.RPC
	closed chan struct{}
	ended  chan error
}

func (f *follower) next(t *testing.T) (raft.RPC, *raft.AppendEntriesRequest) {
	t.Helper()
	select {
	case rpc := <-f.rpcs:
		return rpc, rpc.Command.(*raft.AppendEntriesRequest)
	case <-time.After(patience):
		t.Fatal("raft was given nothing")
		return raft.RPC{}, nil
	}
}

// open is a lane that runs, and its follower.
func open(t *testing.T, timeout time.Duration) (*Lane, *follower, chan error) {
	t.Helper()
	out, in := ends(t)
	f := &follower{rpcs: make(chan raft.RPC, 8), closed: make(chan struct{}), ended: make(chan error, 1)}
	go func() {
		if first := make([]byte, 1); read(in, first) != First {
			f.ended <- errors.New("not a lane")
			return
		}
		f.ended <- Serve(in, "b", func(rpc raft.RPC) { f.rpcs <- rpc }, f.closed)
	}()
	l, err := Open(out, "b", patience, timeout)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- l.Run() }()
	t.Cleanup(l.Close)
	return l, f, ran
}

func read(c net.Conn, b []byte) byte {
	_, _ = io.ReadFull(c, b)
	return b[0]
}

type told struct {
	answer raft.AppendEntriesResponse
	err    error
}

func appendTo(t *testing.T, l *Lane) chan told {
	t.Helper()
	ch := make(chan told, 2)
	if err := l.Append(Entries(sample()), func(a raft.AppendEntriesResponse, err error) { ch <- told{a, err} }); err != nil {
		t.Fatal(err)
	}
	return ch
}

func within[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

func TestEntriesAreAnswered(t *testing.T) {
	l, f, _ := open(t, patience)
	for range 3 {
		ch := appendTo(t, l)
		if err := l.Append(Entries(sample()), func(raft.AppendEntriesResponse, error) { t.Error("a refused message was answered") }); !errors.Is(err, errBusy) {
			t.Errorf("a second message: %v", err)
		}
		rpc, req := f.next(t)
		if len(req.Entries) != 2 || req.Term != 7 {
			t.Errorf("raft was given %+v", req)
		}
		rpc.Respond(answer(), nil)
		if got := within(t, "the answer", ch); got.err != nil || !got.answer.Success || got.answer.LastLog != 302 {
			t.Errorf("answer %+v", got)
		}
	}
	ch := appendTo(t, l)
	rpc, _ := f.next(t)
	rpc.Respond(nil, errors.New("odd"))
	if got := within(t, "the answer", ch); got.err == nil || got.err.Error() != "odd" {
		t.Errorf("answer %+v", got)
	}
}

func TestWordOfACommitIsNotAnswered(t *testing.T) {
	l, f, _ := open(t, patience)
	for i := range 3 {
		word := sample()
		word.Entries, word.LeaderCommitIndex = nil, uint64(i)
		if err := l.Commit(word); err != nil {
			t.Fatal(err)
		}
		if _, req := f.next(t); len(req.Entries) != 0 || req.LeaderCommitIndex != uint64(i) {
			t.Errorf("raft was given %+v", req)
		}
	}
}

func TestWordOfACommitDoesNotPileUpBehindEntries(t *testing.T) {
	l, f, _ := open(t, patience)
	ch := appendTo(t, l)
	rpc, _ := f.next(t)
	if err := l.Commit(sample()); err != nil {
		t.Fatal(err)
	}
	rpc.Respond(answer(), nil)
	within(t, "the answer", ch)
	last := appendTo(t, l)
	rpc, req := f.next(t)
	if rpc.Respond(answer(), nil); len(req.Entries) != 2 {
		t.Error("the word was sent")
	}
	within(t, "the answer", last)
}

// TestLaneThatEnds has each end of a lane end it while an answer is due: whoever waits for that is told, once.
func TestLaneThatEnds(t *testing.T) {
	for what, end := range map[string]func(*Lane, *follower, raft.RPC){
		"by the leader": func(l *Lane, _ *follower, rpc raft.RPC) {
			l.Close()
			l.Close()
			rpc.Respond(answer(), nil) // nobody reads it
		},
		"by the follower": func(_ *Lane, f *follower, _ raft.RPC) { close(f.closed) },
		"by an answer of another kind": func(_ *Lane, _ *follower, rpc raft.RPC) {
			rpc.Respond(&raft.RequestVoteResponse{}, nil)
		},
	} {
		t.Run(what, func(t *testing.T) {
			l, f, ran := open(t, patience)
			ch := appendTo(t, l)
			rpc, _ := f.next(t)
			end(l, f, rpc)
			if got := within(t, "the end", ch); got.err == nil {
				t.Errorf("told %+v", got)
			}
			if err := within(t, "the end of Run", ran); err == nil {
				t.Error("it ended without a reason")
			}
			within(t, "the end of Serve", f.ended)
			if len(ch) > 0 {
				t.Error("told twice")
			}
			if err := l.Append(Entries(sample()), func(raft.AppendEntriesResponse, error) { t.Error("told of what was not sent") }); !errors.Is(err, errEnded) {
				t.Errorf("entries: %v", err)
			}
			if err := l.Commit(sample()); !errors.Is(err, errEnded) {
				t.Errorf("word of a commit: %v", err)
			}
		})
	}
}

func TestAnswerThatTakesTooLong(t *testing.T) {
	l, f, ran := open(t, patience)
	exchange := func() {
		ch := appendTo(t, l)
		rpc, _ := f.next(t)
		rpc.Respond(answer(), nil)
		if got := within(t, "the answer", ch); got.err != nil {
			t.Errorf("told %+v", got)
		}
	}
	pass := func() { // as if the time had passed
		l.mu.Lock()
		defer l.mu.Unlock()
		l.due = time.Now()
		_ = l.conn.SetReadDeadline(l.due)
	}
	exchange()
	pass() // one that is idle goes on for ever, also where the next message comes at that moment
	exchange()
	ch := appendTo(t, l)
	f.next(t)
	pass()
	if got := within(t, "the end", ch); !isTimeout(got.err) {
		t.Errorf("told %+v", got)
	}
	within(t, "the end of Run", ran)
}

// TestPeerThatKnowsNoLanes closes the connection, as raft's own transport does with a first byte that it does not know.
func TestPeerThatKnowsNoLanes(t *testing.T) {
	out, in := ends(t)
	go func() {
		read(in, make([]byte, 1))
		_ = in.Close()
	}()
	if _, err := Open(out, "b", patience, patience); !errors.Is(err, ErrRefused) {
		t.Errorf("%v, want ErrRefused", err)
	}
	out, older := ends(t)
	go func() { _, _ = older.Write([]byte{0}) }()
	if _, err := Open(out, "b", patience, patience); !errors.Is(err, ErrRefused) {
		t.Errorf("version 0: %v, want ErrRefused", err)
	}
}

// TestAnotherMember opens lanes where another member answers, or one that says no whole name.
func TestAnotherMember(t *testing.T) {
	for _, said := range []string{"\x01\x01a", "\x01\x02bb", "\x01\x00", "\x01\x02b", "\x01"} {
		out, in := ends(t)
		go func() {
			_, _ = in.Write([]byte(said))
			read(in, make([]byte, 1))
			_ = in.Close()
		}()
		if _, err := Open(out, "b", patience, patience); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("%q: error %v", said, err)
		}
	}
	if got := string(agreement("b")); got != "\x01\x01b" { // members of other versions read it
		t.Errorf("a follower begins with %q", got)
	}
}

// TestOddMessages holds that whoever does not keep to the protocol is cut off, and raft is given nothing of it.
func TestOddMessages(t *testing.T) {
	for what, frame := range map[string][]byte{
		"an answer":              appendAnswer(nil, answer(), nil),
		"a request that is cut":  {0, 0, 0, 3, kindEntries, 1, 1},
		"more than a frame has":  {0xff, 0xff, 0xff, 0xff, kindEntries},
		"a frame without a kind": {0, 0, 0, 0, 0},
	} {
		out, in := ends(t)
		ended := make(chan error, 1)
		go func() {
			ended <- Serve(in, "b", func(rpc raft.RPC) { t.Errorf("%s: raft was given %+v", what, rpc.Command) }, make(chan struct{}))
		}()
		_, _ = out.Write(frame)
		if err := within(t, "the end", ended); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	out, in := ends(t) // an answer to nothing
	go func() {
		read(in, make([]byte, 1))
		_, _ = in.Write(appendAnswer(agreement("b"), answer(), nil))
	}()
	l, err := Open(out, "b", patience, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Run(); !errors.Is(err, errMalformed) {
		t.Errorf("an answer to nothing: %v", err)
	}
}

// TestSet opens a lane on the side, again after it has ended, and not where the peer knows none.
func TestSet(t *testing.T) {
	ended := make(chan struct{}, 8)
	attempts := make(chan raft.ServerID, 8)
	s := NewSet(func(id raft.ServerID) (*Lane, error) {
		attempts <- id
		if id == "old" {
			return nil, ErrRefused
		}
		out, in := ends(t)
		go func() {
			read(in, make([]byte, 1))
			_ = Serve(in, "b", func(raft.RPC) {}, nil)
		}()
		return Open(out, "b", patience, patience)
	}, func() { ended <- struct{}{} })
	if s.To("old") != nil || s.To("b") != nil {
		t.Error("there is a lane before one was opened")
	}
	within(t, "the first attempt", attempts)
	within(t, "the second attempt", attempts)
	l := eventually(t, s, "b")
	s.Drop("b")
	s.Drop("nobody")
	within(t, "word of the end", ended)
	if err := l.Commit(sample()); !errors.Is(err, errEnded) {
		t.Errorf("a lane that was dropped: %v", err)
	}
	if again := eventually(t, s, "b"); again == l {
		t.Error("the lane that was dropped is there again")
	}
	if s.To("old") != nil {
		t.Error("there is a lane to a member that knows none")
	}
	if len(attempts) != 1 { // b's second
		t.Errorf("%d attempts more, want 1", len(attempts))
	}
	s.Close()
	s.Wait()
	if s.To("b") != nil && s.To("b").Commit(sample()) == nil {
		t.Error("a set that was closed has lanes")
	}
}

func eventually(t *testing.T, s *Set, id raft.ServerID) *Lane {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(time.Millisecond) {
		if l := s.To(id); l != nil {
			return l
		}
	}
	t.Fatal("no lane was opened")
	return nil
}

func BenchmarkFrame(b *testing.B) {
	req := sample()
	req.Entries[0].Data = make([]byte, 560)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeRequest(Entries(req)[headerLen:]); err != nil {
			b.Fatal(err)
		}
	}
}

// TestWordIsNotWaitedFor has a follower stand still, which takes nothing any more: the lane ends, and nobody waits for it.
func TestWordIsNotWaitedFor(t *testing.T) {
	out, in := net.Pipe()
	defer func() { _ = in.Close() }()
	go func() {
		read(in, make([]byte, 1))
		_, _ = in.Write(agreement("b"))
	}()
	l, err := Open(out, "b", patience, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sent := make(chan error, 1)
	go func() { sent <- l.Commit(sample()) }()
	if err := within(t, "the end of the message", sent); !isTimeout(err) {
		t.Errorf("error %v", err)
	}
	if err := l.Commit(sample()); !errors.Is(err, errEnded) {
		t.Errorf("error %v of a lane that has ended", err)
	}
}
