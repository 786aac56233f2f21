package compat

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// languageWorld are the instances that the templates of failover/render/testdata are about.
var languageWorld = []api.AgentServiceRegistration{
	{
		ID: "web-1", Name: "web", Port: 80, Tags: []string{"release", "b", "a"}, Address: "10.9.0.1", Meta: map[string]string{"shard": "1", "env": "prod"},
		TaggedAddresses: map[string]api.ServiceAddress{"wan": {Address: "1.2.3.4", Port: 8080}}, Weights: &api.AgentWeights{Passing: 5, Warning: 2},
		Check: &api.AgentServiceCheck{TTL: "10h", Status: api.HealthPassing, Notes: "note"},
	},
	{ID: "web-2", Name: "web", Port: 81, Tags: []string{"b"}, Meta: map[string]string{"shard": "2", "env": "dev"}, Check: &api.AgentServiceCheck{TTL: "10h", Status: api.HealthPassing}},
	{ID: "web-3", Name: "web", Port: 82, Meta: map[string]string{"shard": "10", "env": "prod"}, Check: &api.AgentServiceCheck{TTL: "10h", Status: api.HealthWarning}},
	{ID: "web-4", Name: "web", Port: 83, Check: &api.AgentServiceCheck{TTL: "10h", Status: api.HealthCritical}},
	{ID: "a-db", Name: "db", Port: 5432},
}

// TestTemplateLanguage: what our own engine makes of a template is what consul-template makes of it, to the byte.
func TestTemplateLanguage(t *testing.T) {
	t.Parallel()
	program(t, "consul-template", "go install "+templateModule)
	a := start(t, `node_meta { rack = "r1" }`)
	for i := range languageWorld {
		ok(t, a.Agent().ServiceRegister(&languageWorld[i]))
	}
	for k, v := range map[string]string{
		"app/title": "one", "app/deep/x": "y", "app/deep/z/q": "zz", "app/n": "5", "app/flag": "true", "app/json": `{"a":{"b":[1,2,3.5,"x"]},"u":"a?b=c&d=<e>"}`,
		"groups/es/es1": "1", "groups/es/es2": "2", "groups/top": "3", "app/dir/": "", "app/empty": "",
	} {
		put(t, a.KV(), k, v)
	}
	_, err := a.Catalog().Register(&api.CatalogRegistration{Node: "ext", Address: "10.0.0.9", Service: &api.AgentService{ID: "web-0", Service: "web", Port: 79}}, nil)
	ok(t, err)
	eventually(t, "every instance is there", func() error {
		web, _, err := a.Catalog().Service("web", "", nil)
		if err == nil && len(web) != 5 {
			err = fmt.Errorf("there are %d", len(web))
		}
		n, _, err2 := a.Catalog().Node("n1", nil)
		if err == nil && (err2 != nil || n.Node.Meta["rack"] == "" || n.Services["a-db"] == nil) {
			err = fmt.Errorf("the node is %v, %w", n, errors.Join(err2))
		}
		return err
	})
	text, err := os.ReadFile("../../failover/render/testdata/templates.txt")
	ok(t, err)
	templates := strings.Split(string(text), "\n----\n")
	dir := t.TempDir()
	var theirs, ours []string
	for i, text := range templates {
		in := filepath.Join(dir, strconv.Itoa(i))
		ok(t, os.WriteFile(in, []byte(text), 0o600))
		theirs, ours = append(theirs, "-template", in+":"+in+".theirs"), append(ours, "-template", in+":"+in+".ours")
	}
	render(t, exec.Command("consul-template", append([]string{"-consul-addr", a.http(), "-once", "-log-level", "err"}, theirs...)...))
	render(t, exec.Command("consul", append([]string{"template", "-http-addr", a.http(), "-once"}, ours...)...))
	for i, text := range templates {
		in := filepath.Join(dir, strconv.Itoa(i))
		want, err := os.ReadFile(in + ".theirs")
		ok(t, err)
		got, err := os.ReadFile(in + ".ours")
		ok(t, err)
		if string(got) != string(want) {
			t.Errorf("%s\nconsul-template makes of it\n%s\nwe make\n%s", text, want, got)
		}
	}
}

func render(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Env = append(os.Environ(), "HOLDFAST_TEST_VALUE=x y")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, out)
	}
}
