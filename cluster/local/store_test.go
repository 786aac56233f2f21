package local

import (
	"bytes"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

// restart makes a registry that reads what an earlier one kept.
func restart(t *testing.T, dir string) (*Registry, *logged) {
	t.Helper()
	log := &logged{}
	r := New(Options{Node: self, Dir: dir}, newFakeCatalog(), slog.New(slog.NewTextHandler(log, nil)))
	must(t, r.Load())
	t.Cleanup(func() { must(t, r.Close()) })
	return r, log
}

// has is what is registered: services, then checks with the service that they belong to and their token.
func has(r *Registry) string {
	var services, checks []string
	for id, s := range r.Services() {
		services = append(services, id+s.Token)
	}
	for id, c := range r.Checks() {
		checks = append(checks, id+"@"+c.ServiceID+c.Token)
	}
	slices.Sort(services)
	slices.Sort(checks)
	return strings.Join(services, " ") + " | " + strings.Join(checks, " ")
}

// TestKeptRegistrations does things to a registry and restarts it.
func TestKeptRegistrations(t *testing.T) {
	checkOf := func(service, id string) cluster.CheckDefinition {
		d := ttl(id)
		d.ServiceID = service
		return d
	}
	for _, x := range []struct {
		name   string
		do     func(r *Registry, must func(error))
		before string
		after  string // the restart, before a configuration is registered
	}{
		{"nothing", func(*Registry, func(error)) {}, " | ", " | "},
		{"a service with its checks and token", func(r *Registry, must func(error)) {
			reg := service("web", ttl("a"), ttl("b"))
			reg.Token = "!"
			must(r.RegisterService(reg))
		}, "web! | a@web! b@web!", "web! | a@web! b@web!"},
		{"a check of the node", func(r *Registry, must func(error)) {
			must(r.RegisterCheck(ttl("disk"), "!", FromAPI))
		}, " | disk@!", " | disk@!"},
		{"registered again without a check", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web", ttl("a"))))
			must(r.RegisterService(service("web", ttl("b"))))
		}, "web | a@web b@web", "web | a@web b@web"},
		{"a check that came later", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web", ttl("a"))))
			must(r.RegisterCheck(checkOf("web", "b"), "!", FromAPI))
		}, "web | a@web b@web!", "web | a@web b@web!"},
		{"a check that was deregistered", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web", ttl("a"), ttl("b"))))
			must(r.DeregisterCheck("a"))
		}, "web | b@web", "web | b@web"},
		{"a check that went to another service", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web", ttl("a"))))
			must(r.RegisterService(service("api", ttl("a"))))
		}, "api web | a@api", "api web | a@api"},
		{"a check that went to the node", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web", ttl("a"))))
			must(r.RegisterCheck(ttl("A"), "", FromAPI))
		}, "web | A@", "web | A@"},
		{"a service that was deregistered", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web", ttl("a"))))
			must(r.DeregisterService("WEB"))
		}, " | ", " | "},
		{"what config files register", func(r *Registry, must func(error)) {
			must(r.Replace([]Registration{service("web", ttl("a"))}, []cluster.CheckDefinition{ttl("disk")}))
		}, "web | a@web disk@", " | "},
		{"a service that a config file takes over", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web", ttl("a"), ttl("b"))))
			must(r.Replace([]Registration{service("web", ttl("a"))}, nil))
		}, "web | a@web", " | "},
		{"a check that a config file takes over", func(r *Registry, must func(error)) {
			must(r.RegisterCheck(ttl("disk"), "", FromAPI))
			must(r.Replace(nil, []cluster.CheckDefinition{ttl("disk")}))
		}, " | disk@", " | "},
		{"maintenance", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web")))
			must(r.Maintain("WEB", "new disk", "!"))
			must(r.Maintain("", "", ""))
		}, "web | _node_maintenance@ _service_maintenance:web@web!", "web | _node_maintenance@ _service_maintenance:web@web!"},
		{"maintenance of a service that is registered anew", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web", ttl("a"))))
			must(r.Maintain("web", "", ""))
			again := service("web", ttl("b"))
			again.ReplaceChecks = true
			must(r.RegisterService(again))
		}, "web | _service_maintenance:web@web b@web", "web | _service_maintenance:web@web b@web"},
		{"maintenance of a service that a config file takes over", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web")))
			must(r.Maintain("web", "", ""))
			must(r.Replace([]Registration{service("web")}, nil))
		}, "web | _service_maintenance:web@web", " | "}, // the check waits until the file has registered the service
		{"maintenance that has ended", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("web")))
			must(r.Maintain("web", "", ""))
			must(r.Maintain("", "", ""))
			must(r.EndMaintenance("web"))
			must(r.EndMaintenance(""))
		}, "web | ", "web | "},
		{"IDs that are no file names", func(r *Registry, must func(error)) {
			must(r.RegisterService(service("../../etc/x y", ttl("a/b\né"))))
		}, "../../etc/x y | a/b\né@../../etc/x y", "../../etc/x y | a/b\né@../../etc/x y"},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "registrations")
			r, _ := restart(t, dir)
			x.do(r, func(err error) { t.Helper(); must(t, err) })
			if got := has(r); got != x.before {
				t.Errorf("registered %q, want %q", got, x.before)
			}
			again, log := restart(t, dir)
			if got := has(again); got != x.after {
				t.Errorf("after a restart %q, want %q", got, x.after)
			}
			for id, s := range again.Services() {
				if want := r.Services()[id]; !s.Equal(&want.Service) || s.Source != FromAPI {
					t.Errorf("kept %+v of %+v", s, want)
				}
			}
			if log.count("skipped") > 0 {
				t.Errorf("log: %s", log.buf.String())
			}
			kept, err := again.records()
			must(t, err)
			if x.after == " | " && len(kept) > 0 && len(again.pending) == 0 {
				t.Errorf("records are left: %v", kept)
			}
		})
	}
}

func files(t *testing.T, dir string) map[string]os.FileInfo {
	t.Helper()
	entries, _ := os.ReadDir(dir) // it need not exist
	m := map[string]os.FileInfo{}
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		m[e.Name()] = info
	}
	return m
}

// TestCheckOfConfigService registers a check through the API for a service of a config file: it waits for the service at a restart.
func TestCheckOfConfigService(t *testing.T) {
	dir := t.TempDir()
	config := []Registration{service("web")}
	r, _ := restart(t, dir)
	must(t, r.Replace(config, nil))
	d := ttl("mine")
	d.ServiceID = "web"
	must(t, r.RegisterCheck(d, "", FromAPI))
	for range 2 { // and again
		again, _ := restart(t, dir)
		must(t, again.Replace(config, nil))
		if got := has(again); got != "web | mine@web" {
			t.Errorf("after a restart %q", got)
		}
	}
	orphaned, log := restart(t, dir)
	must(t, orphaned.Replace(nil, nil))
	if has(orphaned) != " | " || log.count("waits for its service") != 1 {
		t.Errorf("without its service %q, log %s", has(orphaned), log.buf.String())
	}
	must(t, orphaned.RegisterService(service("web")))
	if got := has(orphaned); got != "web | mine@web" {
		t.Errorf("with its service again %q", got)
	}
}

// TestEarlierFiles starts with what versions before 0.2 kept, a file each. It moves into the journal, where what stands there already is newer. What is
// not what it should be is named and skipped: the rest counts.
func TestEarlierFiles(t *testing.T) {
	dir := t.TempDir()
	r, _ := restart(t, dir)
	must(t, r.RegisterService(service("good", ttl("c"))))
	for name, content := range map[string]string{
		"service-00.json": `{"Service":{"ID":"cut of`, "service-01.json": "", "service-02.json": "null", "check-06.json": "\x00\xff", "README": "not ours",
		"service-03.json": `{"Service":{"ID":"x"}}`, "service-04.json": `{"Service":{"ID":"y","Name":"y"},"Checks":[{"ID":"no kind"}]}`,
		"check-05.json": `{"Checks":[{"ID":"bad"}]}`, ".new-123": `{"Service":{"ID":"z","Name":"z"}}`,
		"service-07.json": `{"Service":{"ID":"good","Name":"older"}}`,
		"service-08.json": `{"Service":{"ID":"web","Name":"web","Weights":{"Passing":1,"Warning":1}},` + "\n" + `"Token":"!","Checks":[{"ID":"d","TTL":3600000000000}]}`,
		"check-09.json":   `{"Checks":[{"ID":"disk","TTL":3600000000000}]}`,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	want := "good web! | c@good d@web disk@"
	again, log := restart(t, dir)
	if got := has(again); got != want {
		t.Errorf("registered %q, want %q", got, want)
	}
	for _, name := range []string{"service-00", "service-01", "service-02", "check-06", "service:x", "service:y", "check=bad"} {
		if log.count(name) != 1 {
			t.Errorf("%s is not named in the log: %s", name, log.buf.String())
		}
	}
	if log.count("skipped") != 7 {
		t.Errorf("%d are skipped, want 7", log.count("skipped"))
	}
	left := slices.Sorted(maps.Keys(files(t, dir)))
	if !slices.Equal(left, []string{"README", "check-06.json", "journal", "service-00.json", "service-01.json", "service-02.json"}) {
		t.Errorf("files: %v", left)
	}
	must(t, again.DeregisterService("web"))
	if third, _ := restart(t, dir); has(third) != "good | c@good disk@" {
		t.Errorf("after another restart %q", has(third))
	}
}

// TestDamagedLine starts with a journal of which a line was altered: it is named and skipped.
func TestDamagedLine(t *testing.T) {
	dir := t.TempDir()
	r, _ := restart(t, dir)
	for _, id := range []string{"a", "b", "c"} {
		must(t, r.RegisterService(service(id)))
	}
	path := filepath.Join(dir, "journal")
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, bytes.Replace(b, []byte(`"Name":"b"`), []byte(`"Name":"x"`), 1), 0o600))
	again, log := restart(t, dir)
	if got := has(again); got != "a c | " || log.count("line=2") != 1 {
		t.Errorf("registered %q, log %s", got, log.buf.String())
	}
}

// TestDiskFailure cannot keep a registration: it is refused, and nothing is registered.
func TestDiskFailure(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	r := newRegistry(newFakeCatalog(), Options{Dir: dir})
	must(t, os.WriteFile(dir, nil, 0o600))
	if err := r.RegisterService(service("web", ttl("c"))); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
	if err := r.RegisterCheck(ttl("disk"), "", FromAPI); err == nil {
		t.Error("no error")
	}
	if has(r) != " | " {
		t.Errorf("registered %q", has(r))
	}
	if err := r.Load(); err == nil {
		t.Error("a directory that is none was loaded")
	}
}

// TestUnchangedIsNotWritten registers the same again and restarts: what is kept stays as it is.
func TestUnchangedIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	r, _ := restart(t, dir)
	reg := service("web", ttl("c"))
	reg.Service.Tags, reg.Service.Meta = []string{"a"}, map[string]string{"k": "v", "l": "w"}
	must(t, r.RegisterService(reg))
	before := files(t, dir)
	must(t, r.RegisterService(reg))
	again, _ := restart(t, dir)
	must(t, again.RegisterService(reg))
	for name, info := range files(t, dir) {
		if !os.SameFile(info, before[name]) || info.Size() != before[name].Size() {
			t.Errorf("%s was written again", name)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s: it may hold tokens", name, info.Mode())
		}
	}
	if c := again.Checks()["c"].Definition; c.TTL != time.Hour {
		t.Errorf("definition %+v", c)
	}
}

func FuzzParseKept(f *testing.F) {
	f.Add([]byte(`{"Service":{"ID":"a","Name":"a","Weights":{"Passing":1}},"Checks":[{"ID":"c","TTL":1000,"Token":"t"}]}`))
	f.Add([]byte(`{"Checks":[{"Name":"c","Process":{"Unit":"u"},"Header":{"a":["b"]}}]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKept(b)
		if err != nil {
			return
		}
		r := newRegistry(newFakeCatalog(), Options{})
		if k.Service != nil {
			_ = r.restoreService(k) // an error is an answer
		}
		for _, c := range k.Checks {
			_ = r.restoreCheck(c)
		}
		for id := range r.Services() {
			must(t, r.DeregisterService(id))
		}
	})
}
