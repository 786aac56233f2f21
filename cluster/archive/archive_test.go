package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

var sample = bytes.Repeat([]byte("the state "), 1000)

func writeSample(w io.Writer) error { _, err := w.Write(sample); return err }

func sampleMeta() Meta {
	m := New(131, 2, time.UnixMilli(1767225600000))
	m.Configuration.Servers = []Server{{ID: "id-1", Address: "10.0.0.1:8300"}}
	m.ConfigurationIndex = 1
	return m
}

func written(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := Write(&b, sampleMeta(), writeSample); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteAndRead(t *testing.T) {
	var state bytes.Buffer
	got, err := Read(bytes.NewReader(written(t)), &state)
	if err != nil {
		t.Fatal(err)
	}
	want := sampleMeta()
	want.Size = int64(len(sample))
	if got.ID != "2-131-1767225600000" || got.Size != want.Size || got.Index != 131 || len(got.Configuration.Servers) != 1 {
		t.Errorf("meta %+v, want %+v", got, want)
	}
	if !bytes.Equal(state.Bytes(), sample) {
		t.Error("the state differs")
	}
}

func TestCutOffIsRefused(t *testing.T) {
	whole := written(t)
	for n := range whole {
		if _, err := Read(bytes.NewReader(whole[:n]), io.Discard); cluster.CodeOf(err) != cluster.Invalid {
			t.Fatalf("cut off after %d of %d bytes: %v", n, len(whole), err)
		}
	}
}

func TestAlteredIsRefused(t *testing.T) {
	whole := written(t)
	for n := range whole {
		if n >= 3 && n < 10 {
			continue // the header of gzip: flags, time and system, which say nothing of the content
		}
		altered := bytes.Clone(whole)
		altered[n] ^= 0xff
		if _, err := Read(bytes.NewReader(altered), io.Discard); cluster.CodeOf(err) != cluster.Invalid {
			t.Fatalf("byte %d of %d altered: %v", n, len(whole), err)
		}
	}
}

// member is one member of an archive that a test makes by hand.
type member struct{ name, content string }

func packed(tb testing.TB, kind byte, members ...member) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o600, Size: int64(len(m.content)), Typeflag: kind}
		if kind != tar.TypeReg {
			h.Size, h.Linkname = 0, "/etc/passwd"
		}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if kind == tar.TypeReg {
			_, _ = io.WriteString(w, m.content)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func zipped(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(content)
	if err := errors.Join(err, z.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func sums(members ...member) member {
	var b strings.Builder
	for _, m := range members {
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256([]byte(m.content)), m.name)
	}
	return member{sumsName, b.String()}
}

func TestReadRefuses(t *testing.T) {
	meta, state := member{metaName, `{"Version":1,"ID":"i","Index":3,"Term":1,"Size":5}`}, member{stateName, "state"}
	other := member{stateName, "State"}
	for name, c := range map[string]struct {
		archive []byte
		want    string
	}{
		"nothing":              {nil, "not compressed with gzip"},
		"text":                 {[]byte("hello"), "not compressed with gzip"},
		"an empty tar":         {packed(t, tar.TypeReg), "has no meta.json"},
		"meta.json alone":      {packed(t, tar.TypeReg, meta), "has no state.bin"},
		"no sums":              {packed(t, tar.TypeReg, meta, state), "has no SHA256SUMS"},
		"another order":        {packed(t, tar.TypeReg, state, meta, sums(meta, state)), `"state.bin" where meta.json should be`},
		"an extra member":      {packed(t, tar.TypeReg, meta, state, sums(meta, state), member{"x", "y"}), `"x" after its last`},
		"an extra first":       {packed(t, tar.TypeReg, member{"../x", "y"}, meta, state, sums(meta, state)), `"../x" where meta.json should be`},
		"a member twice":       {packed(t, tar.TypeReg, meta, meta, state, sums(meta, state)), `"meta.json" where state.bin should be`},
		"a link":               {packed(t, tar.TypeSymlink, meta), `"meta.json" where meta.json should be`},
		"a wrong sum":          {packed(t, tar.TypeReg, meta, other, sums(meta, state)), "the digest of its state.bin"},
		"a wrong sum of meta":  {packed(t, tar.TypeReg, meta, state, sums(member{metaName, ""}, state)), "the digest of its meta.json"},
		"a sum is missing":     {packed(t, tar.TypeReg, meta, state, sums(meta)), "the digest of its state.bin"},
		"a sum too many":       {packed(t, tar.TypeReg, meta, state, sums(meta, state, member{"x", ""})), "has 3 lines"},
		"meta is no JSON":      {packed(t, tar.TypeReg, member{metaName, "{"}, state), "cannot be read"},
		"meta is two":          {packed(t, tar.TypeReg, member{metaName, "{} {}"}, state), "cannot be read"},
		"a later version":      {packed(t, tar.TypeReg, member{metaName, `{"Version":2,"Size":5}`}, state), "has Version 2"},
		"another size":         {packed(t, tar.TypeReg, member{metaName, `{"Version":1,"Size":6}`}, state), "has 5 bytes, and meta.json says 6"},
		"no size":              {packed(t, tar.TypeReg, member{metaName, `{"Version":1}`}, state), "has 0 bytes"},
		"an enormous meta":     {packed(t, tar.TypeReg, member{metaName, strings.Repeat(" ", maxMeta+1)}), "are sensible"},
		"another behind it":    {append(written(t), written(t)...), "goes on after its end"},
		"too much padding":     {append(written(t), zipped(t, make([]byte, maxPadding+1))...), "goes on after its end"},
		"a second gzip member": {append(written(t), packed(t, tar.TypeReg, member{"x", strings.Repeat("y", maxPadding)})...), "goes on after its end"},
	} {
		if _, err := Read(bytes.NewReader(c.archive), io.Discard); cluster.CodeOf(err) != cluster.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// failing fails after some bytes.
type failing struct {
	io.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil {
		err = f.err
	}
	return n, err
}

func TestFaultsOfOthersAreNotTheArchives(t *testing.T) {
	broken := errors.New("connection reset")
	if _, err := Read(failing{bytes.NewReader(written(t)[:100]), broken}, io.Discard); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
	r, w := io.Pipe()
	_ = r.CloseWithError(broken)
	if _, err := Read(bytes.NewReader(written(t)), w); !errors.Is(err, broken) {
		t.Errorf("a writer that fails: %v", err)
	}
	if err := Write(w, sampleMeta(), writeSample); !errors.Is(err, broken) {
		t.Errorf("writing where that fails: %v", err)
	}
	if err := Write(io.Discard, sampleMeta(), func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a state that fails: %v", err)
	}
}

func TestTheStateMustNotChangeInBetween(t *testing.T) {
	calls := 0
	err := Write(io.Discard, sampleMeta(), func(w io.Writer) error {
		calls++
		_, err := w.Write(make([]byte, calls))
		return err
	})
	if err == nil {
		t.Error("a state that grew was written")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(written(f))
	meta, state := member{metaName, `{"Version":1,"Size":5}`}, member{stateName, "state"}
	f.Add(packed(f, tar.TypeReg, meta, state, sums(meta, state)))
	f.Add(packed(f, tar.TypeReg, meta, state))
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		if m, err := Read(bytes.NewReader(b), &out); err == nil && int64(out.Len()) != m.Size {
			t.Errorf("accepted with %d bytes, and meta.json says %d", out.Len(), m.Size)
		}
	})
}
