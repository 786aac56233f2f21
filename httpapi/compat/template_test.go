package compat

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// templateModule is the release of consul-template that is tried.
const templateModule = "github.com/hashicorp/consul-template@v0.41.1"

const templateText = `{{ range service "web" }}{{ .Name }}/{{ .ID }} {{ .Address }}:{{ .Port }} {{ .Tags | join "," }}
{{ end }}key {{ key "app/title" }} {{ keyOrDefault "app/none" "default" }}
{{ range tree "app/" }}tree {{ .Key }}={{ .Value }}
{{ end }}{{ range ls "app" }}ls {{ .Key }}
{{ end }}{{ range nodes }}node {{ .Node }} {{ .Address }}
{{ end }}{{ range services }}service {{ .Name }}
{{ end }}{{ range datacenters }}dc {{ . }}
{{ end }}`

// template runs consul-template against an agent, and says which file it renders. It ends with the test.
func template(t *testing.T, a *agent, args ...string) (rendered string, cmd *exec.Cmd, done chan error) {
	t.Helper()
	path := program(t, "consul-template", "go install "+templateModule)
	dir := t.TempDir()
	source, log := filepath.Join(dir, "in.ctmpl"), filepath.Join(dir, "log")
	rendered = filepath.Join(dir, "out")
	ok(t, os.WriteFile(source, []byte(templateText), 0o600))
	f, err := os.Create(log)
	ok(t, err)
	cmd = exec.Command(path, append([]string{"-consul-addr", a.http(), "-template", source + ":" + rendered}, args...)...)
	cmd.Stdout, cmd.Stderr = f, f
	done = spawn(t, cmd)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-done
		f.Close()
		if text, _ := os.ReadFile(log); t.Failed() {
			t.Logf("consul-template says:\n%s", text)
		}
	})
	return rendered, cmd, done
}

// shows waits until a file holds all the lines, and says how long that took.
func shows(t *testing.T, file string, lines ...string) time.Duration {
	t.Helper()
	began := time.Now()
	eventually(t, fmt.Sprintf("%s shows %q", filepath.Base(file), lines), func() error {
		text, err := os.ReadFile(file)
		for _, line := range lines {
			if err == nil && !strings.Contains(string(text), line) {
				err = fmt.Errorf("it is\n%s", text)
			}
		}
		return err
	})
	return time.Since(began)
}

// register makes an instance that passes.
func register(t *testing.T, a *agent, id, name string, port int) {
	t.Helper()
	ok(t, a.Agent().ServiceRegister(&api.AgentServiceRegistration{
		ID: id, Name: name, Port: port, Tags: []string{"t1", "t2"}, Check: &api.AgentServiceCheck{TTL: "1h", Status: api.HealthPassing},
	}))
}

// TestTemplate: consul-template renders services, keys, trees and nodes, and follows what changes at once.
func TestTemplate(t *testing.T) {
	program(t, "consul-template", "go install "+templateModule)
	a := start(t)
	put(t, a.KV(), "app/title", "one")
	put(t, a.KV(), "app/deep/x", "y")
	register(t, a, "web-1", "web", 80)
	out, _, _ := template(t, a)
	addr := a.addr.String()
	shows(t, out, "web/web-1 "+addr+":80 t1,t2\n", "key one default\n", "tree deep/x=y\n", "tree title=one\n", "ls title\n", "node n1 "+addr+"\n", "service consul\n", "service web\n", "dc dc1\n")
	for what, change := range map[string]struct {
		do   func()
		want string
	}{
		"a key":            {func() { put(t, a.KV(), "app/title", "two") }, "key two default\n"},
		"a key below":      {func() { put(t, a.KV(), "app/deep/z", "new") }, "tree deep/z=new\n"},
		"another instance": {func() { register(t, a, "web-2", "web", 81) }, "web/web-2 " + addr + ":81"},
		"another service":  {func() { register(t, a, "db-1", "db", 5432) }, "service db\n"},
	} {
		change.do()
		took := shows(t, out, change.want)
		t.Logf("%s is followed within %s", what, took.Round(time.Millisecond))
		if took > 20*time.Second {
			t.Errorf("%s is followed only after %s", what, took)
		}
	}
	ok(t, a.Agent().UpdateTTL("service:web-2", "", api.HealthCritical))
	eventually(t, "a critical instance goes", func() error {
		if text, err := os.ReadFile(out); err != nil || strings.Contains(string(text), "web-2") {
			return fmt.Errorf("it is\n%s, %w", text, errors.Join(err))
		}
		return nil
	})
}

// TestTemplateDedup: of two instances one renders for both. The leader of the cluster dies, and then the one that rendered.
func TestTemplateDedup(t *testing.T) {
	t.Parallel()
	program(t, "consul-template", "go install "+templateModule)
	all := startCluster(t, 3)
	put(t, all[0].KV(), "app/title", "one")
	register(t, all[0], "web-1", "web", 80)
	leader, err := all[0].Status().Leader()
	ok(t, err)
	var lost *agent
	var live []*agent
	for _, a := range all {
		if leader == a.addr.String()+":8300" {
			lost = a
		} else {
			live = append(live, a)
		}
	}
	if lost == nil || len(live) != 2 {
		t.Fatalf("the leader %q is none of the servers", leader)
	}
	one, first, firstDone := template(t, live[0], "-dedup")
	shows(t, one, "key one default\n")
	eventually(t, "the first instance has the lock", func() error { return locked(live[0]) })
	two, _, _ := template(t, live[1], "-dedup")
	shows(t, two, "key one default\n")
	lost.kill(t)
	eventually(t, "a write after the loss of the leader", func() error {
		_, err := live[0].KV().Put(&api.KVPair{Key: "app/title", Value: []byte("two")}, nil)
		return err
	})
	t.Logf("after the loss of the cluster's leader: %s and %s", shows(t, one, "key two default\n"), shows(t, two, "key two default\n"))
	ok(t, first.Process.Kill())
	<-firstDone
	put(t, live[1].KV(), "app/title", "three")
	t.Logf("after the loss of the instance that rendered: %s", shows(t, two, "key three default\n"))
}

// locked says whether consul-template's lock is held.
func locked(a *agent) error {
	pairs, _, err := a.KV().List("consul-template/dedup/", nil)
	for _, p := range pairs {
		if p.Session != "" {
			return nil
		}
	}
	return errors.Join(err, fmt.Errorf("none of %d keys is locked", len(pairs)))
}

// TestTemplateManager runs consul-template's own tests of its manager.
func TestTemplateManager(t *testing.T) {
	t.Parallel()
	program(t, "consul-template", "go install "+templateModule)
	mod := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", templateModule)
	mod.Dir = t.TempDir()
	out, err := mod.Output()
	var at struct{ Dir string }
	if err != nil || json.Unmarshal(out, &at) != nil {
		skip(t, "the source of "+templateModule+" cannot be had from the module proxy")
	}
	dir := filepath.Join(t.TempDir(), "source")
	ok(t, os.CopyFS(dir, os.DirFS(at.Dir)))
	for range 3 { // their own deadlines are of a few seconds
		test := exec.CommandContext(t.Context(), "go", "test", "-count=1", "./manager")
		test.Dir = dir
		if out, err = test.CombinedOutput(); err == nil {
			return
		}
		t.Logf("consul-template's tests of its manager: %v\n%s", err, out)
	}
	t.Error("consul-template's tests of its manager fail three times")
}
