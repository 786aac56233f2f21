package render

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/failover/render/language"
)

// eventually waits until something is so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if ok() {
			return
		}
		time.Sleep(2 * time.Millisecond) //nolint:forbidigo // the poll
	}
	t.Fatalf("never: %s", what)
}

// counted counts how often templates are executed.
type counted struct {
	*world
	reads atomic.Int64
	fail  atomic.Pointer[error]
}

func (c *counted) Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error) {
	if err := c.fail.Load(); err != nil && opts.Consistency != cluster.Stale {
		return cluster.QueryMeta{}, *err
	}
	return c.world.Query(ctx, opts, func(v *state.View) error { c.reads.Add(1); return fn(v) })
}

// bench is a runner with what a test looks at.
type bench struct {
	*counted
	dir    string
	runner *Runner
}

// start runs templates. What they write is in b.dir.
func start(t testing.TB, w *world, templates ...Template) *bench {
	t.Helper()
	b := newBench(t, w, templates...)
	b.run(t)
	return b
}

func newBench(t testing.TB, w *world, templates ...Template) *bench {
	t.Helper()
	b := &bench{counted: &counted{world: w}, dir: t.TempDir()}
	b.runner = NewRunner(func(string) Data { return NewState(b.counted, "n1", "dc1") }, slog.New(slog.DiscardHandler))
	b.set(t, templates...)
	return b
}

func (b *bench) set(t testing.TB, templates ...Template) {
	t.Helper()
	for i := range templates {
		templates[i].Destination = filepath.Join(b.dir, templates[i].Destination)
		for j := range templates[i].Command {
			templates[i].Command[j] = strings.ReplaceAll(templates[i].Command[j], "DIR", b.dir)
		}
	}
	if err := b.runner.Set(templates); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) run(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { b.runner.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
}

func (b *bench) text(name string) string {
	text, _ := os.ReadFile(filepath.Join(b.dir, name))
	return string(text)
}

func (b *bench) says(t testing.TB, name, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s says %q", name, want), func() bool { return b.text(name) == want })
}

func (b *bench) phase(t testing.TB, phase, why string) {
	t.Helper()
	eventually(t, "the phase "+phase+" with "+why, func() bool {
		s := b.runner.Templates()[0]
		return s.Phase == phase && strings.Contains(s.Why, why)
	})
}

// TestFollow holds that a change is written and its command run once, that a change elsewhere does nothing, and one that leaves the text as it is
// neither.
func TestFollow(t *testing.T) {
	w := newWorld()
	w.put(t, "a/b", "1")
	b := start(t, w, Template{Contents: `{{key "a/b"}}{{range service "web"}}{{.Port}}{{end}}`, Destination: "out", Command: []string{"echo x >>DIR/ran"}})
	b.says(t, "out", "1")
	b.says(t, "ran", "x\n")
	w.put(t, "a/b", "2")
	b.says(t, "out", "2")
	b.says(t, "ran", "x\nx\n")
	w.register(t, cluster.Service{ID: "web-1", Name: "web", Port: 80}, cluster.Passing)
	b.says(t, "out", "280")
	b.says(t, "ran", "x\nx\nx\n")

	// What the template does not read wakes nobody; what it reads and leaves the text as it is writes nothing.
	reads := b.reads.Load()
	for i := range 20 {
		w.put(t, "zzz/other", strconv.Itoa(i))
		w.register(t, cluster.Service{ID: "db", Name: "db", Port: i}, cluster.Passing)
	}
	if n := b.reads.Load(); n > reads+1 { // one at the beginning of a wait
		t.Errorf("20 changes elsewhere have the template executed %d times", n-reads)
	}
	w.register(t, cluster.Service{ID: "web-2", Name: "web", Port: 81}, cluster.Critical)
	eventually(t, "the change is seen", func() bool { return b.reads.Load() > reads })
	w.put(t, "a/b", "3")
	b.says(t, "out", "380")
	b.says(t, "ran", "x\nx\nx\nx\n")
	s := b.runner.Templates()[0]
	if s.Phase != cluster.TemplateRendered || s.Writes != 4 || s.Why != "" {
		t.Errorf("%+v", s)
	}
}

// TestStartIsNoChange holds that a file that says it already is left alone, and no command runs.
func TestStartIsNoChange(t *testing.T) {
	w := newWorld()
	w.put(t, "a", "1")
	b := newBench(t, w, Template{Contents: `{{key "a"}}`, Destination: "out", Command: []string{"echo x >>DIR/ran"}})
	if err := os.WriteFile(filepath.Join(b.dir, "out"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run(t)
	b.phase(t, cluster.TemplateRendered, "")
	if b.text("ran") != "" || b.runner.Templates()[0].Writes != 0 {
		t.Errorf("%+v, ran %q", b.runner.Templates()[0], b.text("ran"))
	}
}

// TestMissingAndGone holds that nothing is written until every key is there, and that a key that goes leaves its last value.
func TestMissingAndGone(t *testing.T) {
	w := newWorld()
	w.put(t, "first", "") // an index of 1 is that of nothing
	b := start(t, w, Template{Contents: `{{key "a"}}{{key "b"}}{{keyOrDefault "c" "-"}}`, Destination: "out"})
	b.phase(t, cluster.TemplateWaiting, `it needs key "a", key "b", which is not there`)
	w.put(t, "a", "1")
	b.phase(t, cluster.TemplateWaiting, `it needs key "b", which is not there`)
	if _, err := os.Stat(filepath.Join(b.dir, "out")); err == nil {
		t.Error("the file is there")
	}
	w.put(t, "b", "2")
	b.says(t, "out", "12-")
	w.delete(t, "a")
	b.phase(t, cluster.TemplateRendered, "the last values stand for keys that are gone: a")
	w.put(t, "c", "3")
	b.says(t, "out", "123")
}

// TestNotBeforeCaughtUp holds that nothing is written from a state that may be old.
func TestNotBeforeCaughtUp(t *testing.T) {
	w := newWorld()
	w.put(t, "a", "1")
	b := newBench(t, w, Template{Contents: `{{key "a"}}`, Destination: "out"})
	var err error = cluster.ErrNoLeader
	b.fail.Store(&err)
	b.run(t)
	b.phase(t, cluster.TemplateStarting, "No cluster leader")
	if b.reads.Load() != 0 || b.text("out") != "" {
		t.Error("it has read all the same")
	}
	b.fail.Store(nil)
	b.says(t, "out", "1")
	b.fail.Store(&err) // from now on what is here is enough
	w.put(t, "a", "2")
	b.says(t, "out", "2")
}

// TestValidate holds that a text that is refused does not replace the file, leaves nothing behind and is shown, and that the next good one does.
func TestValidate(t *testing.T) {
	w := newWorld()
	w.put(t, "a", "good")
	b := start(t, w, Template{Contents: `{{key "a"}}`, Destination: "out of it", Backup: true, Validate: []string{"grep -q good {{.}} || { echo not good; exit 3; }"}, Command: []string{"echo x >>DIR/ran"}})
	b.says(t, "out of it", "good")
	if err := os.WriteFile(filepath.Join(b.dir, "out of it.bak"), []byte("older"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.put(t, "a", "bad")
	b.phase(t, cluster.TemplateRefused, "the file stays as it was")
	if s := b.runner.Templates()[0]; !strings.Contains(s.Why, "exit status 3: not good") {
		t.Error(s.Why)
	}
	if b.text("out of it") != "good" || b.text("ran") != "x\n" {
		t.Errorf("out %q, ran %q", b.text("out of it"), b.text("ran"))
	}
	if files, _ := os.ReadDir(b.dir); len(files) != 3 || b.text("out of it.bak") != "older" {
		t.Errorf("%v, the backup says %q", files, b.text("out of it.bak"))
	}
	w.put(t, "a", "good again")
	b.says(t, "out of it", "good again")
	b.phase(t, cluster.TemplateRendered, "")
}

// TestCommandFails holds that a command that fails or hangs is shown with its output, and does not stop the next change.
func TestCommandFails(t *testing.T) {
	w := newWorld()
	w.put(t, "a", "1")
	b := start(t, w, Template{Contents: `{{key "a"}}`, Destination: "out", Command: []string{"/bin/sh", "-c", `grep -q 1 DIR/out && { echo why; exit 4; }; grep -q 2 DIR/out && sleep 60; echo "$HOLDFAST_TEMPLATE"`}, CommandTimeout: time.Second})
	b.phase(t, cluster.TemplateFailed, "failed: exit status 4: why")
	w.put(t, "b", "1")
	b.says(t, "out", "1")
	w.put(t, "a", "2")
	b.phase(t, cluster.TemplateFailed, "was killed after its timeout of 1s")
	w.put(t, "a", "3")
	b.phase(t, cluster.TemplateRendered, "")
	s := b.runner.Templates()[0]
	if s.Command.Output != filepath.Join(b.dir, "out") || s.Command.Error != "" || s.Command.Lag <= 0 || s.Command.Took <= 0 {
		t.Errorf("%+v", s.Command)
	}
}

// TestTemplateFails holds that an error of the template is shown, and that it mends by itself.
func TestTemplateFails(t *testing.T) {
	w := newWorld()
	w.put(t, "a", "x")
	b := start(t, w, Template{Contents: `{{key "a" | parseInt}}`, Destination: "out"})
	b.phase(t, cluster.TemplateFailed, `parsing "x"`)
	w.put(t, "a", "7")
	b.says(t, "out", "7")
	b.phase(t, cluster.TemplateRendered, "")
}

// TestWait holds that changes that follow one another are written once, and that the longest wait is kept.
func TestWait(t *testing.T) {
	w := newWorld()
	w.put(t, "a", "0")
	b := start(t, w, Template{Contents: `{{key "a"}}`, Destination: "out", Wait: Wait{Min: 2 * time.Second, Max: 30 * time.Second}, Command: []string{"cat DIR/out >>DIR/ran"}})
	b.says(t, "ran", "0")
	for i := range 10 {
		w.put(t, "a", strconv.Itoa(i))
	}
	b.says(t, "ran", "09")

	b = start(t, w, Template{Contents: `{{key "a"}}`, Destination: "out", Wait: Wait{Min: 10 * time.Second, Max: 300*time.Millisecond + 10*time.Second}})
	if s := b.runner.Templates()[0]; s.Phase == cluster.TemplateRendered {
		t.Errorf("%+v", s)
	}
}

// TestWaitIsBounded holds that changes that never end are written all the same.
func TestWaitIsBounded(t *testing.T) {
	w := newWorld()
	w.put(t, "a", "0")
	b := start(t, w, Template{Contents: `{{key "a"}}`, Destination: "out", Wait: Wait{Min: 400 * time.Millisecond, Max: 600 * time.Millisecond}})
	n := 0
	eventually(t, "a write amid changes", func() bool {
		n++
		w.put(t, "a", strconv.Itoa(n))
		return b.text("out") != ""
	})
}

// TestFile holds what becomes of the file: its mode and owner stay or are set, a link stays one, a backup is kept, and a directory is made.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	write := func(tt Template, text string) os.FileInfo {
		t.Helper()
		tt.Destination = filepath.Join(dir, tt.Destination)
		if _, err := tt.write(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(tt.Destination)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(tt.Destination); string(got) != text {
			t.Errorf("%s says %q, want %q", tt.Destination, got, text)
		}
		return info
	}
	if info := write(Template{Destination: "new/er/file", CreateDirs: true}, "x"); info.Mode() != 0o644 {
		t.Errorf("a new file has the mode %v", info.Mode())
	}
	if info := write(Template{Destination: "perms", Perms: 0o4750}, "x"); info.Mode() != 0o750|fs.ModeSetuid {
		t.Errorf("a file with perms has the mode %v", info.Mode())
	}
	if err := os.WriteFile(filepath.Join(dir, "old"), []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("old", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(filepath.Join(dir, "old"), 12, 34); err != nil {
			t.Fatal(err)
		}
	}
	info := write(Template{Destination: "link", Backup: true}, "after")
	st := info.Sys().(*syscall.Stat_t)
	if info.Mode() != 0o600 || (os.Getuid() == 0 && (st.Uid != 12 || st.Gid != 34)) {
		t.Errorf("mode %v, owner %d, group %d", info.Mode(), st.Uid, st.Gid)
	}
	if l, err := os.Readlink(filepath.Join(dir, "link")); err != nil || l != "old" {
		t.Errorf("the link is %q, %v", l, err)
	}
	if bak, err := os.ReadFile(filepath.Join(dir, "old.bak")); err != nil || string(bak) != "before" {
		t.Errorf("the backup says %q, %v", bak, err)
	}
	if info := write(Template{Destination: "old", Perms: 0o640}, "after"); info.Mode() != 0o640 {
		t.Errorf("a file that says the same has the mode %v still", info.Mode())
	}
	if os.Getuid() == 0 {
		st := write(Template{Destination: "old", User: "root", Group: "0"}, "more").Sys().(*syscall.Stat_t)
		if st.Uid != 0 || st.Gid != 0 {
			t.Errorf("owner %d, group %d", st.Uid, st.Gid)
		}
	}
	tt := Template{Destination: dir}
	if _, err := tt.write(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a directory: %v", err)
	}
	tt = Template{Destination: filepath.Join(dir, "no", "where")}
	if _, err := tt.write(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "cannot write beside") {
		t.Errorf("no directory: %v", err)
	}
}

// TestNeverHalf holds that whoever reads the file sees one text or the other, whole.
func TestNeverHalf(t *testing.T) {
	texts := []string{strings.Repeat("a", 1<<20), strings.Repeat("b", 1<<20)}
	tt := Template{Destination: filepath.Join(t.TempDir(), "out")}
	if _, err := tt.write(t.Context(), texts[0]); err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() {
		for !done.Load() {
			if got, err := os.ReadFile(tt.Destination); err != nil || (string(got) != texts[0] && string(got) != texts[1]) {
				t.Errorf("%d bytes, %v", len(got), err)
				return
			}
		}
	})
	for i := range 20 {
		if _, err := tt.write(t.Context(), texts[(i+1)%2]); err != nil {
			t.Error(err)
		}
	}
	done.Store(true)
	reader.Wait()
}

// TestReload holds that templates that stay run on, that others begin and end, and that a mistake changes nothing.
func TestReload(t *testing.T) {
	w := newWorld()
	w.put(t, "a", "1")
	one := Template{Contents: `one {{key "a"}}`, Destination: "one", Command: []string{"echo x >>DIR/ran"}}
	b := start(t, w, one, Template{Contents: `two {{key "a"}}`, Destination: "two"})
	b.says(t, "ran", "x\n")
	b.says(t, "two", "two 1")
	if err := b.runner.Set([]Template{{Contents: "{{", Destination: "x"}}); err == nil || !strings.Contains(err.Error(), "the template for x: cannot parse") {
		t.Errorf("%v", err)
	}
	one.Command = []string{"echo x >>DIR/ran"}
	b.set(t, one, Template{Contents: `three {{key "a"}}`, Destination: "three"})
	b.says(t, "three", "three 1")
	w.put(t, "a", "2")
	b.says(t, "one", "one 2")
	b.says(t, "three", "three 2")
	b.says(t, "ran", "x\nx\n")
	if b.text("two") != "two 1" {
		t.Errorf("a template that is gone has rendered %q", b.text("two"))
	}
	if s := b.runner.Templates(); len(s) != 2 || s[0].Writes != 2 {
		t.Errorf("%+v", s)
	}
}

// TestReadsFile holds that a template follows a file that it reads, and writes those that it names.
func TestReadsFile(t *testing.T) {
	w := newWorld()
	w.put(t, "a", "1")
	extra := filepath.Join(t.TempDir(), "extra")
	if err := os.WriteFile(extra, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other")
	b := start(t, w, Template{Contents: `{{key "a"}}{{file "` + extra + `"}}{{"y" | writeToFile "` + other + `" "" "" "0600"}}`, Destination: "out"})
	b.says(t, "out", "1x")
	eventually(t, "the other file", func() bool { got, _ := os.ReadFile(other); return string(got) == "y" })
	if err := os.WriteFile(extra, []byte("longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.says(t, "out", "1longer")
}

// TestTurns holds that a command that many want runs one at a time, and once for all who wait.
func TestTurns(t *testing.T) {
	var ts turns
	var running, runs atomic.Int64
	first, release := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	do := func() {
		ts.do([]string{"x"}, func() (string, error) {
			if running.Add(1) != 1 {
				t.Error("two at once")
			}
			if runs.Add(1) == 1 {
				close(first)
			}
			<-release
			running.Add(-1)
			return "", nil
		})
	}
	all.Go(do)
	<-first
	for range 10 {
		all.Go(do)
	}
	eventually(t, "somebody waits", func() bool { ts.mu.Lock(); defer ts.mu.Unlock(); return len(ts.next) == 1 })
	close(release)
	all.Wait()
	if n := runs.Load(); n < 2 || n > 11 {
		t.Errorf("it ran %d times", n)
	}
	if len(ts.current)+len(ts.next) != 0 {
		t.Error("something stays behind")
	}
}

// TestCheck holds what is wrong with a template's settings.
func TestCheck(t *testing.T) {
	for want, tt := range map[string]Template{
		"has no destination":                {Contents: "x"},
		"needs a source or contents":        {Destination: "x"},
		"and not both":                      {Destination: "x", Contents: "x", Source: "y"},
		"want 0000 to 7777":                 {Destination: "x", Contents: "x", Perms: 0o17777},
		"negative command_timeout":          {Destination: "x", Contents: "x", CommandTimeout: -1},
		"write {{.}} where its path goes":   {Destination: "x", Contents: "x", Validate: []string{"true"}},
		"the longest cannot be below":       {Destination: "x", Contents: "x", Wait: Wait{Min: 2, Max: 1}},
		`the user "nobody-at-all" is not`:   {Destination: "x", Contents: "x", User: "nobody-at-all"},
		`the group "nothing-at-all" is not`: {Destination: "x", Contents: "x", Group: "nothing-at-all"},
		"cannot read the template":          {Destination: "x", Source: "/no/such"},
	} {
		if _, err := Parse([]Template{tt}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := Parse([]Template{{Destination: "x", Contents: "x"}, {Destination: "./x", Contents: "y"}}); err == nil || !strings.Contains(err.Error(), "two templates have the destination x") {
		t.Errorf("%v", err)
	}
	for s, want := range map[string]Wait{"2s": {2 * time.Second, 8 * time.Second}, "2s:10s": {2 * time.Second, 10 * time.Second}} {
		if w, err := ParseWait(s); err != nil || w != want {
			t.Errorf("%s: %v, %v", s, w, err)
		}
	}
	for _, s := range []string{"", "x", "2s:1s", "2s:x", "-1s"} {
		if _, err := ParseWait(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	if tt, err := ParseFlag("in:out:cmd -x a:b"); err != nil || tt.Source != "in" || tt.Destination != "out" || tt.Command[0] != "cmd -x a:b" {
		t.Errorf("%+v, %v", tt, err)
	}
}

// TestDiff holds the unified form.
func TestDiff(t *testing.T) {
	var have, text []string
	for i := range 30 {
		have, text = append(have, fmt.Sprint("line ", i)), append(text, fmt.Sprint("line ", i))
	}
	text[3] = "changed"
	text = append(text[:20], text[21:]...)
	text = append(text, "last")
	got := Preview{Destination: "f", Have: strings.Join(have, "\n") + "\n", Text: strings.Join(text, "\n")}.Diff()
	want := `--- f
+++ f
@@ -1,7 +1,7 @@
 line 0
 line 1
 line 2
-line 3
+changed
 line 4
 line 5
 line 6
@@ -18,7 +18,6 @@
 line 17
 line 18
 line 19
-line 20
 line 21
 line 22
 line 23
@@ -28,3 +27,4 @@
 line 27
 line 28
 line 29
+last
\ No newline at end of file
`
	if got != want {
		t.Errorf("%s", got)
	}
	if got := (Preview{Destination: "f", Text: "a\n", New: true}).Diff(); got != "--- /dev/null\n+++ f\n@@ -0,0 +1 @@\n+a\n" {
		t.Errorf("%s", got)
	}
	if got := (Preview{Destination: "f", Have: "a", Text: "a"}).Diff(); got != "" {
		t.Errorf("%s", got)
	}
}

// BenchmarkChange is the time from a change in the state to the start of the command, with a service of 100 instances. The command notes when it runs.
func BenchmarkChange(b *testing.B) {
	w := newWorld()
	for i := range 100 {
		w.register(b, cluster.Service{ID: fmt.Sprint("web-", i), Name: "web", Port: i}, cluster.Passing)
	}
	w.put(b, "n", "0")
	x := start(b, w, Template{Contents: `{{key "n"}}{{range service "web"}}server {{.ID}} {{.Address}}:{{.Port}} check weight {{.Weights.Passing}}
{{end}}`, Destination: "out", Command: []string{"/bin/true", "x"}})
	x.phase(b, cluster.TemplateRendered, "")
	r := x.runner.roster.List()[0]
	var lag time.Duration
	n := 0
	for b.Loop() {
		n++
		began := time.Now()
		w.put(b, "n", strconv.Itoa(n))
		for r.State().Writes != uint64(n)+1 || r.State().Command.Started.Before(began) {
			time.Sleep(50 * time.Microsecond) //nolint:forbidigo // the poll
		}
		lag += r.State().Command.Started.Sub(began)
	}
	b.ReportMetric(float64(lag.Microseconds())/float64(n)/1000, "ms-to-command")
}

var _ language.Source = (*viewSource)(nil)
