package archive

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"time"
)

// The members of an archive, in their order.
const (
	metaName  = "meta.json"
	stateName = "state.bin"
	sumsName  = "SHA256SUMS"
)

// Write writes an archive. state writes the content of state.bin and is called twice, because tar wants to know the size first: it must
// write the same each time. m.Size is filled in.
func Write(w io.Writer, m Meta, state func(io.Writer) error) error {
	var size counter
	if err := state(&size); err != nil {
		return fmt.Errorf("measure the state: %w", err)
	}
	m.Size = int64(size)
	meta, err := m.encode()
	if err != nil {
		return fmt.Errorf("encode %s: %w", metaName, err)
	}
	zipped := gzip.NewWriter(w)
	t := tar.NewWriter(zipped)
	now := time.Now().Truncate(time.Second)
	metaSum, err := add(t, metaName, int64(len(meta)), now, func(w io.Writer) error { _, err := w.Write(meta); return err })
	if err != nil {
		return err
	}
	stateSum, err := add(t, stateName, m.Size, now, state)
	if err != nil {
		return err
	}
	sums := metaSum + stateSum
	if _, err := add(t, sumsName, int64(len(sums)), now, func(w io.Writer) error { _, err := io.WriteString(w, sums); return err }); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return fmt.Errorf("end the archive: %w", err)
	}
	return zipped.Close()
}

// add writes one member and gives its line of SHA256SUMS.
func add(t *tar.Writer, name string, size int64, at time.Time, content func(io.Writer) error) (line string, err error) {
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: at}); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	sum := sha256.New()
	if err := content(io.MultiWriter(t, sum)); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return sumLine(name, sum.Sum(nil)), nil
}

func sumLine(name string, sum []byte) string { return fmt.Sprintf("%x  %s\n", sum, name) }

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
