package agent

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"

	"holdfast/cluster"
	"holdfast/cluster/archive"
	"holdfast/cluster/codec"
	"holdfast/cluster/state"
)

// Snapshot is the whole state at one moment, as fresh as the options ask, to be written as an archive (cluster/archive). Writes go on while
// it is being written.
func (a *Agent) Snapshot(ctx context.Context, opts cluster.QueryOptions) (io.WriterTo, cluster.QueryMeta, error) {
	if err := a.freshen(ctx, opts.Consistency); err != nil {
		return nil, a.meta(opts, 1), err
	}
	servers, index, err := a.peer.Servers()
	if err != nil {
		return nil, a.meta(opts, 1), err
	}
	sn := a.store.Snapshot()
	m := archive.New(max(1, sn.StateIndex()), a.peer.Term(), time.Now())
	m.ConfigurationIndex = index
	for _, s := range servers {
		suffrage := 1
		if s.Voter {
			suffrage = 0
		}
		m.Configuration.Servers = append(m.Configuration.Servers, archive.Server{Suffrage: suffrage, ID: s.ID, Address: s.Addr})
	}
	return saved{m, sn}, a.meta(opts, m.Index), nil
}

// saved is a snapshot that is to be written out.
type saved struct {
	meta  archive.Meta
	state *state.Snapshot
}

// WriteTo writes the archive. How many bytes that are is not told.
func (s saved) WriteTo(w io.Writer) (int64, error) {
	return 0, archive.Write(w, s.meta, func(w io.Writer) error { return codec.WriteState(w, s.state) })
}

// Restore replaces the state of the cluster by that of the archive in r. The whole archive is read and checked first: an error of any code but
// cluster.Unknown means that nothing has changed.
func (a *Agent) Restore(ctx context.Context, opts cluster.WriteOptions, r io.Reader) error {
	f, err := os.CreateTemp(a.cfg.DataDir, ".restore-*")
	if err != nil {
		return fmt.Errorf("keep the snapshot while it is checked: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := os.Remove(f.Name()); err != nil { // nothing is left of it, whatever becomes of this process
		return fmt.Errorf("keep the snapshot while it is checked: %w", err)
	}
	meta, err := archive.Read(r, f)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the snapshot that was kept: %w", err)
	}
	if err := codec.CheckState(f); err != nil {
		return err
	}
	a.log.Warn("restoring a snapshot", "snapshot", meta.ID, "index", meta.Index, "bytes", meta.Size)
	return a.sendRestore(ctx, opts, f)
}

// sendRestore brings a checked state into the log.
func (a *Agent) sendRestore(ctx context.Context, opts cluster.WriteOptions, f io.ReadSeeker) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the snapshot that was kept: %w", err)
	}
	zipped := compressed(f)
	defer func() { _ = zipped.Close() }()
	in := bufio.NewReaderSize(zipped, cluster.MaxRestorePart)
	id := uuid.NewString()
	for part := 0; ; part++ {
		data, last, err := nextPart(in)
		if err == nil {
			_, err = a.Apply(ctx, opts, &cluster.Restore{ID: id, Part: part, Data: data, Last: last})
		}
		switch {
		case err == nil && !last:
			continue
		case err != nil && !last:
			a.giveUp(ctx, opts, id)
			return cluster.Errorf(cluster.Unavailable, "the restore was interrupted, and nothing was changed: %v", err)
		}
		return err
	}
}

// nextPart reads up to a whole part, and looks whether another follows.
func nextPart(in *bufio.Reader) (data []byte, last bool, err error) {
	data = make([]byte, cluster.MaxRestorePart)
	n, err := io.ReadFull(in, data)
	if err == nil {
		_, err = in.Peek(1)
	}
	switch {
	case err == nil:
		return data[:n], false, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return data[:n], true, nil
	}
	return nil, false, fmt.Errorf("read the snapshot that was kept: %w", err)
}

// giveUp lets the members forget the parts of a restore. It fails only where there is no leader, and then the next one's term forgets them.
func (a *Agent) giveUp(ctx context.Context, opts cluster.WriteOptions, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), holdTimeout)
	defer cancel()
	if _, err := a.Apply(ctx, opts, &cluster.Restore{ID: id, GiveUp: true}); err != nil {
		a.log.Warn("a restore that failed could not be given up; it ends with this term", "error", err)
	}
}

// compressed is r through gzip.
func compressed(r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	go func() { // ends with the last byte, or when out is closed
		z, err := gzip.NewWriterLevel(in, gzip.BestSpeed)
		if err == nil {
			_, err = io.Copy(z, r)
			err = errors.Join(err, z.Close())
		}
		_ = in.CloseWithError(err) // nil means io.EOF; it never fails
	}()
	return out
}
