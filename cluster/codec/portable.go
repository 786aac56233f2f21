package codec

import (
	"io"
	"reflect"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Portable snapshots are what an operator saves and restores: of the same format, with the index of the state in the place of the log's.

// WriteState writes a snapshot for an operator. The same snapshot gives the same bytes each time.
func WriteState(w io.Writer, sn *state.Snapshot) error {
	return WriteSnapshot(w, sn.StateIndex(), sn.Records)
}

// CheckState reads a snapshot to its end and says in a sentence why no cluster could restore it, or returns nil.
func CheckState(r io.Reader) error {
	return Supersede(r, state.New(), state.Entry{Index: 1, Time: time.Unix(0, 0)})
}

// Supersede lets the snapshot in r supersede the state of store with the entry e.
func Supersede(r io.Reader, store *state.Store, e state.Entry) error {
	restore := store.Restore()
	defer restore.Abort()
	archived, err := ReadSnapshot(r, restore.Add)
	if err != nil {
		return cluster.Errorf(cluster.Invalid, "the snapshot cannot be restored: %v", err)
	}
	return restore.Supersede(e.Index, archived, e.Time)
}

// ReadState gives each record of a snapshot to see, with its type's name and its size in the snapshot, and returns the index.
func ReadState(r io.Reader, see func(kind string, size int, record any) error) (index uint64, err error) {
	return ReadSnapshot(r, func(record any) error {
		b, err := appendMsgpack(nil, record)
		if err != nil {
			return err
		}
		return see(reflect.TypeOf(record).Elem().Name(), len(b), record)
	})
}
