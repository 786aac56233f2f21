package lane

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func sample() *raft.AppendEntriesRequest {
	return &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: 3, ID: []byte("a"), Addr: []byte("10.0.0.1:8300")},
		Term:      7, PrevLogEntry: 300, PrevLogTerm: 6, LeaderCommitIndex: 299,
		Entries: []*raft.Log{
			{Index: 301, Term: 7, Type: raft.LogCommand, Data: []byte("set"), AppendedAt: time.Unix(1, 2)},
			{Index: 302, Term: 7, Type: raft.LogNoop, Extensions: []byte("x")},
		},
	}
}

// encoded is a message as it is on the wire. Members of other versions read it: it may not change while Version is 1.
const (
	encodedRequest = "0000002f" + "01" + "03" + "0161" + "0d31302e302e302e313a38333030" + "07ac0206ab0202" +
		"ad020700" + "8294ebdc03" + "03736574" + "00" + "ae020701" + "00" + "00" + "0178"
	encodedAnswer = "00000016" + "03" + "03" + "03" + "0162" + "0d31302e302e302e323a38333030" + "07ae02"
	encodedError  = "00000006" + "03" + "04" + "03" + "6f6464"
)

func answer() *raft.AppendEntriesResponse {
	return &raft.AppendEntriesResponse{
		RPCHeader: raft.RPCHeader{ProtocolVersion: 3, ID: []byte("b"), Addr: []byte("10.0.0.2:8300")},
		Term:      7, LastLog: 302, Success: true, NoRetryBackoff: true,
	}
}

func body(t *testing.T, frame []byte, want byte) []byte {
	t.Helper()
	r := reader{in: bufio.NewReader(bytes.NewReader(frame))}
	kind, b, err := r.next()
	if err != nil || kind != want {
		t.Fatalf("kind %d, %v: want %d", kind, err, want)
	}
	return b
}

func TestFrames(t *testing.T) {
	for want, got := range map[string][]byte{
		encodedRequest: request(kindEntries, sample()),
		encodedAnswer:  appendAnswer(nil, answer(), nil),
		encodedError:   appendAnswer(nil, nil, errors.New("odd")),
	} {
		if hex.EncodeToString(got) != want {
			t.Errorf("encoded\n%x, want\n%s", got, want)
		}
	}
	req, err := decodeRequest(body(t, request(kindEntries, sample()), kindEntries))
	if err != nil || !reflect.DeepEqual(req, sample()) {
		t.Errorf("request %+v, %v", req, err)
	}
	got, refused, err := decodeAnswer(body(t, appendAnswer(nil, answer(), nil), kindAnswer))
	if err != nil || refused != nil || !reflect.DeepEqual(&got, answer()) {
		t.Errorf("answer %+v, %v, %v", got, refused, err)
	}
	_, refused, err = decodeAnswer(body(t, appendAnswer(nil, nil, errors.New("odd")), kindAnswer))
	if err != nil || refused == nil || refused.Error() != "odd" {
		t.Errorf("refused %v, %v", refused, err)
	}
}

// TestWhatIsDecodedStays has another frame follow, and a text grow: raft keeps what it was given.
func TestWhatIsDecodedStays(t *testing.T) {
	frame := request(kindEntries, sample())
	r := reader{in: bufio.NewReader(io.MultiReader(bytes.NewReader(frame), strings.NewReader("\x00\x00\x00\x20\x02"+strings.Repeat("z", 31))))}
	_, b, err := r.next()
	if err != nil {
		t.Fatal(err)
	}
	req, err := decodeRequest(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.next(); err != nil {
		t.Fatal(err)
	}
	_ = append(req.Entries[0].Data, "and more"...)
	if !reflect.DeepEqual(req, sample()) {
		t.Errorf("it became %+v", req)
	}
}

func TestMalformedFrames(t *testing.T) {
	whole := request(kindEntries, sample())
	for n := 1; n < len(whole); n++ {
		r := reader{in: bufio.NewReader(bytes.NewReader(whole[:n]))}
		if _, _, err := r.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	for n := range len(whole) - headerLen {
		if _, err := decodeRequest(whole[headerLen : headerLen+n]); !errors.Is(err, errMalformed) {
			t.Errorf("the first %d bytes of a request: %v", n, err)
		}
	}
	if _, err := decodeRequest(append(whole[headerLen:], 0)); !errors.Is(err, errMalformed) {
		t.Errorf("a byte too many: %v", err)
	}
	for _, head := range []string{"\x00\x00\x00\x00\x01", "\x00\x40\x00\x01\x01", "\xff\xff\xff\xff\x01"} {
		r := reader{in: bufio.NewReader(strings.NewReader(head))}
		if _, _, err := r.next(); !errors.Is(err, errMalformed) {
			t.Errorf("header %x: %v", head, err)
		}
	}
	if _, _, err := decodeAnswer([]byte{0x80, 0, 0, 0, 0, 0}); !errors.Is(err, errMalformed) {
		t.Errorf("an unknown flag: %v", err)
	}
	r := reader{in: bufio.NewReader(strings.NewReader(""))}
	if _, _, err := r.next(); !errors.Is(err, io.EOF) {
		t.Errorf("between two frames: %v", err)
	}
}

func TestWhatIsTooLargeHasNoFrame(t *testing.T) {
	req := sample()
	req.Entries[0].Data = make([]byte, MaxFrame-1024)
	if frame := Entries(req); frame == nil || len(frame) > MaxFrame {
		t.Error("a message that fits does not")
	}
	req.Entries[0].Data = make([]byte, MaxFrame)
	if Entries(req) != nil {
		t.Error("a message that is too large fits")
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(request(kindEntries, sample()))
	f.Add(appendAnswer(nil, answer(), nil))
	f.Add(appendAnswer(nil, nil, errors.New("odd")))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := reader{in: bufio.NewReader(bytes.NewReader(in))}
		for {
			kind, b, err := r.next()
			if err != nil {
				return
			}
			if req, err := decodeRequest(b); err == nil {
				again, err := decodeRequest(body(t, request(kind, req), kind))
				if err != nil || !reflect.DeepEqual(req, again) {
					t.Errorf("%+v became %+v (%v)", req, again, err)
				}
			}
			if got, refused, err := decodeAnswer(b); err == nil {
				again, refusedAgain, err := decodeAnswer(body(t, appendAnswer(nil, &got, refused), kindAnswer))
				if err != nil || !reflect.DeepEqual(got, again) || (refused == nil) != (refusedAgain == nil) {
					t.Errorf("%+v became %+v (%v)", got, again, err)
				}
			}
		}
	})
}
