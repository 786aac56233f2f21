package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"holdfast/cluster"
)

// commandTypes are the numbers of the commands in the log. A number never changes its meaning and is never used again. A new
// command takes the next one, with the high bit set if older members may skip it.
var commandTypes = newTypeTable(map[byte]any{
	1:  new(cluster.Register),
	2:  new(cluster.Deregister),
	3:  new(cluster.KVWrite),
	4:  new(cluster.SessionCreate),
	5:  new(cluster.SessionDestroy),
	6:  new(cluster.ReapTombstones),
	7:  new(cluster.PutGroup),
	8:  new(cluster.DeleteGroup),
	9:  new(cluster.Steer),
	10: new(cluster.Record),
	11: new(cluster.NewTerm),
	13: new(cluster.Transaction),
	15: new(cluster.PutPreparedQuery),
	16: new(cluster.DeletePreparedQuery),
	17: new(cluster.PutAutopilot),
	21: new(cluster.PutFullGroup),
	22: new(cluster.PutGroups),
	30: new(cluster.Restore),

	12 | ignorable: new(cluster.NameCluster),       // a member that skipped it is told again
	14 | ignorable: new(cluster.UpdateCoordinates), // what was skipped is measured anew
	18 | ignorable: new(cluster.SetCARoot),         // each leader repeats it
	20 | ignorable: new(cluster.Await),             // what was skipped is noted anew, and the wait begins again
	19 | ignorable: new(cluster.PlanMove),          // the Steer that carries it out is an ordinary one
})

// MaxCommandSize bounds an encoded command. Larger ones would hold up the heartbeats.
const MaxCommandSize = 1 << 20

// entryHeader is the size of what precedes the msgpack of a log entry: the type and the time.
const entryHeader = 1 + 8

var (
	// ErrIgnorable says that a log entry is of an unknown type that may be skipped.
	ErrIgnorable = errors.New("an unknown type that may be skipped")
	// ErrNewer says that a log entry is of an unknown type that may not.
	ErrNewer = errors.New("upgrade this member")
)

// EncodeCommand makes the log entry of a command, without its time: Propose fills that in. Equal commands have equal encodings.
func EncodeCommand(c cluster.Command) ([]byte, error) {
	number, err := commandTypes.number(c)
	if err != nil {
		return nil, err
	}
	header := make([]byte, entryHeader)
	header[0] = number
	entry, err := appendMsgpack(header, c)
	if err != nil {
		return nil, err
	}
	return entry, CheckSize(entry)
}

// CheckSize refuses what is too large or too short for an entry.
func CheckSize(entry []byte) error {
	switch n := len(entry); {
	case n > MaxCommandSize:
		return cluster.Errorf(cluster.TooLarge, "the request takes %d bytes in the log: at most %d are allowed", n, MaxCommandSize)
	case n <= entryHeader:
		return cluster.Errorf(cluster.Invalid, "an encoded command of %d bytes is too short", n)
	}
	return nil
}

// DecodeCommand gives back a command and its time. The error tells what is wrong with the entry.
func DecodeCommand(entry []byte) (time.Time, cluster.Command, error) {
	if len(entry) <= entryHeader {
		return time.Time{}, nil, fmt.Errorf("the log entry has only %d bytes", len(entry))
	}
	at := time.Unix(0, int64(binary.BigEndian.Uint64(entry[1:]))).UTC()
	v, err := commandTypes.makeFrom(entry[0], entry[entryHeader:])
	c, known := v.(cluster.Command)
	switch {
	case !known && entry[0]&ignorable != 0:
		return at, nil, ErrIgnorable
	case !known:
		return at, nil, fmt.Errorf("this version does not know the type %d of the log entry: %w", entry[0], ErrNewer)
	case err != nil:
		return at, nil, err
	}
	return at, c, nil
}

// Stamped is a copy of an encoded command with its time. The copy belongs to the log: the original may be proposed again.
func Stamped(encoded []byte, at time.Time) []byte {
	entry := append([]byte(nil), encoded...)
	binary.BigEndian.PutUint64(entry[1:], uint64(at.UnixNano()))
	return entry
}
