package lane

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// ErrRefused says that the peer knows no lanes.
var ErrRefused = errors.New("the member knows no lanes")

// wordTimeout is how long word of a commit takes at most. It has some 100 bytes: where they are not taken at once, the member has left thousands of
// messages unread, and the others are not to wait for it.
const wordTimeout = 100 * time.Millisecond

var (
	errBusy  = errors.New("an earlier message is not answered yet")
	errEnded = errors.New("the lane has ended")
)

// Answered is told what became of a message: raft's answer, or why there is none.
type Answered func(raft.AppendEntriesResponse, error)

// Lane is a leader's end. Its methods may be called by several goroutines at once.
type Lane struct {
	conn    net.Conn
	timeout time.Duration

	writing sync.Mutex // held while a message is written

	mu       sync.Mutex // guards following
	answered Answered   // of the message that is not answered yet; nil if there is none
	due      time.Time  // when its answer is to be there
	ended    bool
}

// Open says on conn, which was just dialed, that it is a lane to the member id, and waits until that agrees, no longer than within. ErrRefused says that
// it is too old. To send a message, and to answer it, takes timeout at most, or the lane ends. conn is the lane's, also where Open fails.
func Open(conn net.Conn, id raft.ServerID, within, timeout time.Duration) (*Lane, error) {
	_ = conn.SetDeadline(time.Now().Add(within))
	if _, err := conn.Write([]byte{First}); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := readAgreement(conn, id); err != nil {
		_ = conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	return &Lane{conn: conn, timeout: timeout}, nil
}

// readAgreement reads what a follower begins with, which is the member id and no other.
func readAgreement(conn io.Reader, id raft.ServerID) error {
	var version, size [1]byte
	if _, err := io.ReadFull(conn, version[:]); errors.Is(err, io.EOF) {
		return ErrRefused
	} else if err != nil {
		return err
	}
	if version[0] < Version {
		return fmt.Errorf("%w of version %d", ErrRefused, Version)
	}
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	who := make([]byte, size[0])
	if _, err := io.ReadFull(conn, who); err != nil {
		return err
	}
	if raft.ServerID(who) != id {
		return fmt.Errorf("%q answers in the place of %q", who, id)
	}
	return nil
}

// agreement is what the member id begins with.
func agreement(id raft.ServerID) []byte {
	id = id[:min(len(id), math.MaxUint8)]
	return append([]byte{Version, byte(len(id))}, id...)
}

// Run takes the answers until the connection ends, and says why it has ended. It is called once.
func (l *Lane) Run() error {
	r := reader{in: bufio.NewReader(l.conn)}
	for {
		err := l.take(&r)
		if err == nil {
			continue
		}
		if isTimeout(err) && !l.late() { // the deadline was that of a message that has been answered since
			continue
		}
		l.end(err)
		return err
	}
}

// take waits for an answer and hands it over.
func (l *Lane) take(r *reader) error {
	kind, body, err := r.next()
	if err != nil {
		return err
	}
	if kind != kindAnswer {
		return fmt.Errorf("%w: kind %d is not an answer", errMalformed, kind)
	}
	answer, refused, err := decodeAnswer(body)
	if err != nil {
		return err
	}
	answered := l.expected()
	if answered == nil {
		return fmt.Errorf("%w: it answers nothing", errMalformed)
	}
	answered(answer, refused)
	return nil
}

// Append sends the frame that [Entries] made, and has answered told, once, from another goroutine, what became of it. It fails without that where an
// earlier message is not answered yet, or the lane has ended.
func (l *Lane) Append(entries []byte, answered Answered) error {
	l.mu.Lock()
	switch {
	case l.ended:
		l.mu.Unlock()
		return errEnded
	case l.answered != nil:
		l.mu.Unlock()
		return errBusy
	}
	l.answered = answered
	l.due = time.Now().Add(l.timeout)
	_ = l.conn.SetReadDeadline(l.due) // the lock keeps it from overtaking that of late
	l.mu.Unlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.writeLocked(entries, l.timeout); err != nil {
		l.end(err)
	}
	return nil
}

// Commit sends word of a commit. It is not sent while entries are not answered yet: they may not be stored when they are, and who stored
// them is told anew. An error says that the lane carries no word of it: raft's way is left. None does not say that it has arrived.
func (l *Lane) Commit(req *raft.AppendEntriesRequest) error {
	l.mu.Lock()
	ended, busy := l.ended, l.answered != nil
	l.mu.Unlock()
	switch {
	case ended:
		return errEnded
	case busy:
		return nil
	}
	if !l.writing.TryLock() {
		return errBusy
	}
	defer l.writing.Unlock()
	if err := l.writeLocked(request(kindCommit, req), min(wordTimeout, l.timeout)); err != nil {
		l.end(err)
		return err
	}
	return nil
}

func (l *Lane) writeLocked(frame []byte, timeout time.Duration) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(timeout))
	_, err := l.conn.Write(frame)
	return err
}

// Close ends the lane, whose Run returns. A message that is not answered yet is told so.
func (l *Lane) Close() { l.end(errEnded) }

// end closes the connection, and tells whoever waits why there is no answer.
func (l *Lane) end(why error) {
	l.mu.Lock()
	answered := l.answered
	l.answered, l.ended = nil, true
	l.mu.Unlock()
	_ = l.conn.Close()
	if answered != nil {
		answered(raft.AppendEntriesResponse{}, why)
	}
}

// expected is who waits for the answer that has come, nil if nobody does.
func (l *Lane) expected() Answered {
	l.mu.Lock()
	defer l.mu.Unlock()
	answered := l.answered
	l.answered = nil
	return answered
}

// late reports whether an answer should have come, or the lane has ended. Where none is due, the lane may rest for as long as it likes.
func (l *Lane) late() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
		return true
	case l.answered != nil:
		return !time.Now().Before(l.due)
	}
	_ = l.conn.SetReadDeadline(time.Time{})
	return false
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
