package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"holdfast/failover/program"
)

// owner is the user and group that the template names, -1 for none.
func (t *Template) owner() (uid, gid int, err error) {
	uid, err = lookUp("user", t.User, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
	if err != nil {
		return 0, 0, err
	}
	gid, err = lookUp("group", t.Group, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
	return uid, gid, err
}

func lookUp(kind, name string, find func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 {
		return n, nil
	}
	id, err := find(name)
	if err != nil {
		return 0, fmt.Errorf("the %s %q is not known on this machine", kind, name)
	}
	return strconv.Atoi(id)
}

// attributes are a file's mode and owner; -1 leaves an owner as it is.
type attributes struct {
	mode     os.FileMode
	uid, gid int
}

// wanted is how a file is to be: as told, else as it is, else with the defaults.
func (t *Template) wanted(have fs.FileInfo) (attributes, error) {
	uid, gid, err := t.owner()
	a := attributes{mode: defaultPerms, uid: uid, gid: gid}
	if have != nil {
		a.mode = have.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
		if st, ok := have.Sys().(*syscall.Stat_t); ok {
			if a.uid < 0 {
				a.uid = int(st.Uid)
			}
			if a.gid < 0 {
				a.gid = int(st.Gid)
			}
		}
	}
	if t.Perms != 0 {
		a.mode = fileMode(t.Perms)
	}
	return a, err
}

// fileMode is an octal mode in Go's form.
func fileMode(octal os.FileMode) os.FileMode {
	m := octal & fs.ModePerm
	for bit, mode := range map[os.FileMode]os.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if octal&bit != 0 {
			m |= mode
		}
	}
	return m
}

// current is what a file says and how it is, nil where there is none. The path is that behind links.
func current(path string) (real string, text []byte, have fs.FileInfo, err error) {
	real = path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		real = target
	}
	have, err = os.Stat(real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return real, nil, nil, nil
	case err != nil:
		return real, nil, nil, err
	case !have.Mode().IsRegular():
		return real, nil, nil, fmt.Errorf("%s is there and is no regular file", real)
	}
	text, err = os.ReadFile(real)
	return real, text, have, err
}

// refusal is the error of a text that validate does not like.
type refusal struct{ err error }

func (r refusal) Error() string { return r.err.Error() }
func (r refusal) Unwrap() error { return r.err }

// write makes the file say text. changed reports whether it said something else before.
func (t *Template) write(ctx context.Context, text string) (changed bool, err error) {
	path, have, info, err := current(t.Destination)
	if err != nil {
		return false, fmt.Errorf("cannot read %s: %w", t.Destination, err)
	}
	want, err := t.wanted(info)
	if err != nil {
		return false, err
	}
	if info != nil && string(have) == text {
		return false, want.applyTo(path, info)
	}
	if t.CreateDirs {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // others may look for the file
			return false, fmt.Errorf("cannot make the directory of %s: %w", path, err)
		}
	}
	return true, replace(path, text, want, func(next string) error {
		if err := t.validate(ctx, next); err != nil || !t.Backup || info == nil {
			return err
		}
		if err := replace(path+".bak", string(have), want, nil); err != nil {
			return fmt.Errorf("cannot keep a backup: %w", err)
		}
		return nil
	})
}

// validate asks the validate command about a file.
func (t *Template) validate(ctx context.Context, path string) error {
	if len(t.Validate) == 0 {
		return nil
	}
	args := make([]string, len(t.Validate))
	for i, a := range t.Validate {
		insert := path
		if len(t.Validate) == 1 {
			insert = "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" // for the shell
		}
		args[i] = strings.ReplaceAll(a, pathMark, insert)
	}
	output, err := run(ctx, args, program.Program{Timeout: t.CommandTimeout})
	if err == nil {
		return nil
	}
	why := err.Error()
	if output != "" {
		why += ": " + output
	}
	why = strings.ReplaceAll(why, path, t.Destination+" (new)") // the file itself is gone in a moment
	return refusal{fmt.Errorf("the new text is refused and the file stays as it was: %s", why)}
}

// replace makes a file in one step: after a crash it says what it said before, or the whole of text. check, if there is one, looks at the
// file before it takes its place.
func replace(path, text string, a attributes, check func(path string) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.new")
	if err != nil {
		return fmt.Errorf("cannot write beside %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // nobody has seen it
		}
	}()
	err = fill(f, text, a)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if check != nil {
		if err := check(f.Name()); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("cannot put the new file in the place of %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// fill writes, owns and syncs a new file.
func fill(f *os.File, text string, a attributes) error {
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := a.applyTo(f.Name(), info); err != nil {
		return err
	}
	return f.Sync()
}

// applyTo gives a file the owner and the mode, where it has others.
func (a attributes) applyTo(path string, have fs.FileInfo) error {
	st, ok := have.Sys().(*syscall.Stat_t)
	if ok && ((a.uid >= 0 && a.uid != int(st.Uid)) || (a.gid >= 0 && a.gid != int(st.Gid))) {
		if err := os.Chown(path, a.uid, a.gid); err != nil {
			return fmt.Errorf("cannot give %s to user %d and group %d: %w", path, a.uid, a.gid, errors.Unwrap(err))
		}
		have = nil // a change of owner takes mode bits away
	}
	if have != nil && have.Mode()&^fs.ModeType == a.mode {
		return nil
	}
	return os.Chmod(path, a.mode)
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // the file is there; that it lasts cannot be asked for in a directory that may not be read
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // some file systems have no such thing
		return fmt.Errorf("cannot sync %s: %w", dir, err)
	}
	return nil
}
