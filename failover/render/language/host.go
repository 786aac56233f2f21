package language

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	socktemplate "github.com/hashicorp/go-sockaddr/template"
)

// maxFile is how much of a file that a template reads is taken.
const maxFile = 4 << 20

// hostFuncs are the functions that look at this machine.
func (x *execution) hostFuncs() map[string]any {
	return map[string]any{
		"env": x.env, "mustEnv": x.mustEnv, "envOrDefault": x.envOrDefault,
		"file": x.file, "writeToFile": x.writeToFile, "sockaddr": sockaddr, "timestamp": x.timestamp,
	}
}

func (x *execution) lookup(name string) (string, bool) {
	if x.opts.Env == nil {
		return os.LookupEnv(name)
	}
	for _, e := range slices.Backward(x.opts.Env) {
		if k, v, _ := strings.Cut(e, "="); k == name {
			return v, true
		}
	}
	return "", false
}

func (x *execution) env(name string) string {
	v, _ := x.lookup(name)
	return v
}

func (x *execution) mustEnv(name string) (string, error) {
	if v := x.env(name); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("the environment variable %s is not set, or empty", name)
}

func (x *execution) envOrDefault(name, def string) string {
	if v, ok := x.lookup(name); ok {
		return v
	}
	return def
}

// file is the content of a file.
func (x *execution) file(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if err := x.sandboxed(path); err != nil {
		return "", err
	}
	if !slices.ContainsFunc(x.result.Read, func(v Version) bool { return v.Path == path }) {
		x.result.Read = append(x.result.Read, VersionOf(path))
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case !st.Mode().IsRegular():
		return "", fmt.Errorf("%s is no regular file", path)
	case st.Size() > maxFile:
		return "", limitf("the file %s has more than %d bytes", path, maxFile)
	}
	b, err := os.ReadFile(path)
	return string(b), err
}

// sandboxed refuses a path that leads out of the sandbox, through links too.
func (x *execution) sandboxed(path string) error {
	if x.opts.Sandbox == "" {
		return nil
	}
	root, err := filepath.EvalSymlinks(x.opts.Sandbox)
	if err != nil {
		return fmt.Errorf("cannot find sandbox_path: %w", err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(root, real); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%s lies outside of sandbox_path %s", path, x.opts.Sandbox)
	}
	return nil
}

// writeToFile hands a file over. flags is "append", "newline" or both.
func (x *execution) writeToFile(path, owner, group, perms string, rest ...string) (string, error) {
	if len(rest) < 1 || len(rest) > 2 {
		return "", fmt.Errorf("writeToFile: want the path, owner, group and permissions, perhaps flags, and the content, not %d values", 4+len(rest))
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("writeToFile: %q is not an absolute path", path)
	}
	if _, err := strconv.ParseUint(perms, 8, 12); err != nil {
		return "", fmt.Errorf("writeToFile: the permissions %q of %s are not octal, as \"0644\"", perms, path)
	}
	f := File{Path: path, Owner: owner, Group: group, Perms: perms, Content: rest[len(rest)-1]}
	if len(rest) == 2 {
		for flag := range strings.SplitSeq(rest[0], ",") {
			switch strings.TrimSpace(flag) {
			case "append":
				f.Append = true
			case "newline":
				f.Content += "\n"
			case "":
			default:
				return "", fmt.Errorf("writeToFile: the flag %q is not known: want append or newline", flag)
			}
		}
	}
	x.result.Files = append(x.result.Files, f)
	return "", nil
}

func sockaddr(s string) (string, error) { return socktemplate.Parse("{{ " + s + " }}") }

// timestamp is the time, in UTC.
func (x *execution) timestamp(args ...string) (string, error) {
	now := x.now().UTC()
	switch {
	case len(args) == 0:
		return now.Format("2006-01-02T15:04:05Z07:00"), nil
	case len(args) > 1:
		return "", fmt.Errorf("timestamp: want at most one format, not %d", len(args))
	case args[0] == "unix":
		return strconv.FormatInt(now.Unix(), 10), nil
	}
	return now.Format(args[0]), nil
}
