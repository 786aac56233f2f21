package codec

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/hashicorp/go-msgpack/v2/codec"

	"holdfast/cluster"
	"holdfast/cluster/codec/entry"
	"holdfast/cluster/state"
)

// A snapshot is
//
//	magic    8 bytes, "holdfast"
//	version  1 byte
//	index    8 bytes, big endian: the last log entry that it contains
//	records  each: type (1 byte), length (uvarint), msgpack
//	end      type 0, number of records (uvarint)
//	CRC-32C  4 bytes, big endian, of everything before it
const (
	snapshotMagic   = "holdfast"
	snapshotVersion = 1
	snapshotEnd     = 0
	maxRecordSize   = 64 << 20
)

// recordTypes are the numbers of the records in a snapshot. The rules are those of commandTypes; 0 is the end.
var recordTypes = newTypeTable(map[byte]any{
	1:  new(state.IndexRow),
	2:  new(state.Tombstone),
	3:  new(state.LockDelay),
	4:  new(state.LastEpoch),
	5:  new(cluster.KVEntry),
	6:  new(cluster.Node),
	7:  new(cluster.Service),
	8:  new(cluster.Check),
	9:  new(cluster.Session),
	10: new(cluster.Group),
	11: new(cluster.Assignment),
	12: new(cluster.Presence),
	13: new(cluster.Transition),
	16: new(cluster.PreparedQuery),
	17: new(cluster.Autopilot),

	14 | ignorable: new(state.ClusterID),
	15 | ignorable: new(cluster.NodeCoordinate),
	18 | ignorable: new(cluster.CARoot),
	19 | ignorable: new(cluster.PlannedMove),
})

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// WriteSnapshot streams the records of s to w.
func WriteSnapshot(w io.Writer, index uint64, records func(yield func(record any) error) error) error {
	sum := crc32.New(castagnoli)
	buffered := bufio.NewWriterSize(w, 256<<10)
	out := io.MultiWriter(buffered, sum)
	if _, err := out.Write(binary.BigEndian.AppendUint64(append([]byte(snapshotMagic), snapshotVersion), index)); err != nil {
		return err
	}
	count, err := writeRecords(out, records)
	if err != nil {
		return err
	}
	if _, err := out.Write(binary.AppendUvarint([]byte{snapshotEnd}, count)); err != nil {
		return err
	}
	if _, err := buffered.Write(sum.Sum(nil)); err != nil {
		return err
	}
	return buffered.Flush()
}

func writeRecords(out io.Writer, records func(yield func(record any) error) error) (count uint64, err error) {
	var header, body []byte
	enc := codec.NewEncoderBytes(&body, handle)
	err = records(func(record any) error {
		number, err := recordTypes.number(record)
		if err != nil {
			return err
		}
		var fast bool
		if body, fast = entry.Append(body[:0], record); !fast {
			enc.ResetBytes(&body)
			if err := enc.Encode(record); err != nil {
				return fmt.Errorf("encode %T: %w", record, err)
			}
		}
		header = binary.AppendUvarint(append(header[:0], number), uint64(len(body)))
		if _, err := out.Write(header); err != nil {
			return err
		}
		count++
		_, err = out.Write(body)
		return err
	})
	return count, err
}

// ReadSnapshot gives each record to add and returns the index. Only when it returns no error were the records all there and as they were
// written.
func ReadSnapshot(r io.Reader, add func(record any) error) (index uint64, err error) {
	in := &summedReader{r: bufio.NewReaderSize(r, 256<<10)}
	header := make([]byte, len(snapshotMagic)+1+8)
	if _, err := io.ReadFull(in, header); err != nil {
		return 0, fmt.Errorf("the snapshot has no whole header: %w", err)
	}
	magic, version := header[:len(snapshotMagic)], header[len(snapshotMagic)]
	switch {
	case !bytes.Equal(magic, []byte(snapshotMagic)):
		return 0, fmt.Errorf("the snapshot does not begin with %q: it was not written by Holdfast (what is in one of Consul moves with holdfast import consul)", snapshotMagic)
	case version != snapshotVersion:
		return 0, fmt.Errorf("the snapshot has version %d and this member reads version %d: upgrade this member", version, snapshotVersion)
	}
	index = binary.BigEndian.Uint64(header[len(snapshotMagic)+1:])
	count, err := readRecords(in, add)
	if err != nil {
		return 0, fmt.Errorf("after %d records: %w", count, err)
	}
	return index, in.verify()
}

// readRecords reads up to and including the end mark.
func readRecords(in *summedReader, add func(record any) error) (count uint64, err error) {
	var body bytes.Buffer
	for ; ; count++ {
		number, err := in.ReadByte()
		if err != nil {
			return count, fmt.Errorf("the snapshot is cut off: %w", err)
		}
		size, err := binary.ReadUvarint(in)
		if err != nil {
			return count, fmt.Errorf("the snapshot is cut off: %w", err)
		}
		if number == snapshotEnd {
			if size != count {
				return count, fmt.Errorf("the snapshot says that it has %d", size)
			}
			return count, nil
		}
		if err := readRecord(in, number, size, &body, add); err != nil {
			return count, err
		}
	}
}

func readRecord(in io.Reader, number byte, size uint64, body *bytes.Buffer, add func(record any) error) error {
	if size > maxRecordSize {
		return fmt.Errorf("a record says that it takes %d bytes", size)
	}
	body.Reset()
	if n, err := io.CopyN(body, in, int64(size)); err != nil {
		return fmt.Errorf("the snapshot is cut off: %d of %d bytes of a record: %w", n, size, err)
	}
	record, err := recordTypes.makeFrom(number, body.Bytes())
	switch {
	case record == nil && number&ignorable != 0:
		return nil
	case record == nil:
		return fmt.Errorf("this version does not know the type %d of a record: upgrade this member", number)
	case err != nil:
		return err
	}
	return add(record)
}

// summedReader keeps the checksum of what was read from it.
type summedReader struct {
	r   *bufio.Reader
	sum uint32
}

func (s *summedReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum = crc32.Update(s.sum, castagnoli, p[:n])
	return n, err
}

func (s *summedReader) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.sum = crc32.Update(s.sum, castagnoli, []byte{b})
	}
	return b, err
}

// verify compares the checksum that comes next with what was read, and wants nothing after it.
func (s *summedReader) verify() error {
	var want [4]byte
	if _, err := io.ReadFull(s.r, want[:]); err != nil {
		return fmt.Errorf("the snapshot has no whole checksum: %w", err)
	}
	if binary.BigEndian.Uint32(want[:]) != s.sum {
		return fmt.Errorf("the snapshot was altered: its checksum is %08x, of its content %08x", want, s.sum)
	}
	if _, err := s.r.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("the snapshot goes on after its checksum")
	}
	return nil
}
