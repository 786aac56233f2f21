package archive

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"io"
	"strings"

	"holdfast/cluster"
)

// MaxState bounds state.bin. It is held in memory when it is restored.
const MaxState = 4 << 30

// Read reads an archive to its end and writes its state to state. Only when it returns no error was the archive whole, and as it was written.
// An error of code Invalid says what is wrong with it; any other is of state, or of the reader.
func Read(r io.Reader, state io.Writer) (Meta, error) {
	in := &source{r: r}
	a := &reading{state: state, sums: map[string]string{}}
	err := a.read(in)
	if in.err != nil {
		return Meta{}, in.err
	}
	return a.meta, err
}

// Decode reads an archive to its end, and gives decode its state to read on the way. Only when it returns no error was the archive whole, and
// what decode has made of it may be used. What is wrong with the archive is said before what decode says.
func Decode(r io.Reader, decode func(state io.Reader) error) (Meta, error) {
	state, w := io.Pipe()
	type result struct {
		meta Meta
		err  error
	}
	read := make(chan result, 1)
	go func() {
		meta, err := Read(r, w)
		_ = w.CloseWithError(err) // nil means io.EOF; it never fails
		read <- result{meta, err}
	}()
	err := decode(state)
	if err == nil {
		_, err = io.Copy(io.Discard, state)
	}
	_ = state.CloseWithError(err) // the other end stops where this one has
	whole := <-read
	return whole.meta, cmp.Or(whole.err, err)
}

// reading is how far an archive was read.
type reading struct {
	state io.Writer
	meta  Meta
	sums  map[string]string // member -> the line that SHA256SUMS must have
	done  bool
}

func (a *reading) read(r io.Reader) error {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return cluster.Errorf(cluster.Invalid, "this is no snapshot: it is not compressed with gzip (%v)", err)
	}
	for t := tar.NewReader(unzipped); ; {
		header, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return cutOff(err)
		}
		if err := a.member(header, t); err != nil {
			return err
		}
	}
	if !a.done {
		return a.missing()
	}
	switch n, err := io.Copy(padding{}, io.LimitReader(unzipped, maxPadding+1)); { // the checksum of gzip is behind it
	case errors.Is(err, errNotPadding) || n > maxPadding:
		return cluster.Errorf(cluster.Invalid, "the snapshot goes on after its end: something was added to it")
	case err != nil:
		return cutOff(err)
	}
	return nil
}

// maxPadding is more than tar puts behind its last member.
const maxPadding = 1 << 20

// padding takes the zeros that tar puts behind its last member, and nothing else.
type padding struct{}

var errNotPadding = errors.New("no padding")

func (padding) Write(b []byte) (int, error) {
	if len(bytes.Trim(b, "\x00")) > 0 {
		return 0, errNotPadding
	}
	return len(b), nil
}

// member takes one member of the archive.
func (a *reading) member(h *tar.Header, r io.Reader) error {
	want := metaName
	switch {
	case a.done:
		want = ""
	case a.sums[stateName] != "":
		want = sumsName
	case a.sums[metaName] != "":
		want = stateName
	}
	if h.Name != want || h.Typeflag != tar.TypeReg {
		return a.unexpected(h.Name, want)
	}
	switch want {
	case metaName:
		return a.readMeta(h, r)
	case stateName:
		return a.readState(h, r)
	}
	return a.readSums(h, r)
}

func (a *reading) unexpected(name, want string) error {
	if want == "" {
		return cluster.Errorf(cluster.Invalid, "the snapshot has the member %q after its last: it has %s, %s and %s, in this order, and nothing else", name, metaName, stateName, sumsName)
	}
	return cluster.Errorf(cluster.Invalid, "the snapshot has the member %q where %s should be: it has %s, %s and %s, in this order, and nothing else", name, want, metaName, stateName, sumsName)
}

func (a *reading) missing() error {
	for _, name := range []string{metaName, stateName} {
		if a.sums[name] == "" {
			return cluster.Errorf(cluster.Invalid, "the snapshot has no %s", name)
		}
	}
	return cluster.Errorf(cluster.Invalid, "the snapshot has no %s", sumsName)
}

func (a *reading) readMeta(h *tar.Header, r io.Reader) error {
	b, err := whole(h, r, maxMeta)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	a.sums[metaName] = sumLine(metaName, sum[:])
	a.meta, err = decodeMeta(b)
	return err
}

func (a *reading) readState(h *tar.Header, r io.Reader) error {
	switch {
	case h.Size > MaxState:
		return cluster.Errorf(cluster.TooLarge, "the state in the snapshot has %d bytes: at most %d can be restored", h.Size, int64(MaxState))
	case h.Size != a.meta.Size:
		return cluster.Errorf(cluster.Invalid, "the snapshot was altered: its %s has %d bytes, and %s says %d", stateName, h.Size, metaName, a.meta.Size)
	}
	sum := sha256.New()
	out := &sink{w: a.state}
	_, err := io.Copy(io.MultiWriter(out, sum), r)
	switch {
	case out.err != nil:
		return out.err
	case err != nil:
		return cutOff(err)
	}
	a.sums[stateName] = sumLine(stateName, sum.Sum(nil))
	return nil
}

// readSums compares the digests with those of what was read.
func (a *reading) readSums(h *tar.Header, r io.Reader) error {
	b, err := whole(h, r, maxMeta)
	if err != nil {
		return err
	}
	lines := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		lines[line] = true
	}
	for _, name := range []string{metaName, stateName} {
		if !lines[a.sums[name]] {
			return cluster.Errorf(cluster.Invalid, "the snapshot was altered: the digest of its %s is not the one in %s", name, sumsName)
		}
	}
	if len(lines) != 2 {
		return cluster.Errorf(cluster.Invalid, "%s of the snapshot has %d lines: want one for %s and one for %s", sumsName, len(lines), metaName, stateName)
	}
	a.done = true
	return nil
}

// whole is a small member.
func whole(h *tar.Header, r io.Reader, limit int64) ([]byte, error) {
	if h.Size > limit {
		return nil, cluster.Errorf(cluster.Invalid, "%s of the snapshot has %d bytes: at most %d are sensible", h.Name, h.Size, limit)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, r); err != nil {
		return nil, cutOff(err)
	}
	return b.Bytes(), nil
}

func cutOff(err error) error {
	return cluster.Errorf(cluster.Invalid, "the snapshot is cut off or damaged: %v", err)
}

// source remembers an error of the reader below, which is not the archive's fault.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		s.err = err
	}
	return n, err
}

// sink does the same for the writer.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}
