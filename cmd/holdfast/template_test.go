package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/httpapi/template"
)

// fileSays waits until a file says something.
func fileSays(t *testing.T, path, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s says %q", filepath.Base(path), want), func() bool {
		got, _ := os.ReadFile(path)
		return string(got) == want
	})
}

// TestTemplateInTheAgent holds that a template block keeps its file, over a reload and as status says, and that a mistake in it is told before it counts.
func TestTemplateInTheAgent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out, ran := filepath.Join(dir, "a.hcl"), filepath.Join(dir, "out"), filepath.Join(dir, "ran")
	configure := func(contents, more string) {
		t.Helper()
		text := fmt.Sprintf(`template { contents = %q destination = %q command = "echo x >>%s; echo done" validate = "grep -q . {{.}}" } %s`, contents, out, ran, more)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure(`{{key "title"}} {{range service "web"}}{{.ID}}{{end}}`, "")
	c := startAgent(t, `service { id = "w1" name = "web" }`, "-dev", "-node", "n1", "-config-file", file)
	c.await(leadLine)
	states := func() (ts []template.Status) {
		_ = json.Unmarshal([]byte(c.api("/v1/failover/templates")), &ts) // what is not there yet is awaited
		return ts
	}
	eventually(t, "it waits", func() bool {
		ts := states()
		return len(ts) == 1 && ts[0].Phase == "waiting" && ts[0].Why == `it needs key "title", which is not there`
	})
	eventually(t, "the service", func() bool { return strings.Contains(c.api("/v1/catalog/service/web"), "w1") })
	c.ask("kv", "put", "title", "one")
	fileSays(t, out, "one w1")
	fileSays(t, ran, "x\n")
	c.ask("kv", "put", "other", "x")
	c.ask("kv", "put", "title", "two")
	fileSays(t, out, "two w1")
	fileSays(t, ran, "x\nx\n")
	eventually(t, "status", func() bool {
		got := c.ask("status")
		return regexp.MustCompile(`(?m)^` + out + ` +rendered +2 +\d+s ago +echo x .*, \d+s ago, took \S+ +-$`).MatchString(got.out)
	})

	configure(`{{nope}}`, "")
	c.reloaded(`the configuration is not taken.*function .*nope.* not defined`)
	c.ask("kv", "put", "title", "three")
	fileSays(t, out, "three w1")
	configure(`{{key "title"}}`, `service { id = "w2" name = "web" }`)
	c.reloaded(`msg="the configuration is reloaded" .*templates=1`)
	fileSays(t, out, "three")
	fileSays(t, ran, "x\nx\nx\nx\n")
}

// TestTemplateVerb holds what the verb renders, shows and refuses, against an agent over HTTP.
func TestTemplateVerb(t *testing.T) {
	t.Parallel()
	c := startAgent(t, `service { name = "web" tags = ["a"] port = 80 }`, "-dev", "-node", "n1")
	c.await(leadLine)
	eventually(t, "the service", func() bool { return strings.Contains(c.api("/v1/health/service/web?passing"), "serfHealth") })
	c.ask("kv", "put", "a/b", "x")
	dir := t.TempDir()
	in, out, ran := filepath.Join(dir, "in"), filepath.Join(dir, "out"), filepath.Join(dir, "ran")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("{{key \"a/b\"}}\n{{range service \"a.web\"}}{{.Name}}:{{.Port}} on {{.Node}}\n{{end}}{{range ls \"a\"}}{{.Key}}{{end}} {{with node}}{{.Node.Node}}{{end}} {{range nodes}}{{.Node}}{{end}} {{range services}}{{.Name}} {{end}}{{datacenters}}{{range caRoots}}{{.Active}}{{end}}\n")
	want := "x\nweb:80 on n1\nb n1 n1 consul web [dc1]true\n"
	flag := in + ":" + out + ":echo x >>" + ran
	if got := c.ask("template", "-template", flag, "-once", "-dry"); got.out != "> "+out+"\n"+want || got.code != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a dry run has written")
	}
	if got := c.ask("template", "-template", flag, "-once"); got.out != "" || got.code != 0 {
		t.Errorf("%+v", got)
	}
	fileSays(t, out, want)
	fileSays(t, ran, "x\n")
	c.ask("kv", "put", "a/b", "y")
	if got := c.ask("template", "-template", flag, "-once", "-dry", "-diff"); got.out != "--- "+out+"\n+++ "+out+"\n@@ -1,3 +1,3 @@\n-x\n+y\n web:80 on n1\n b n1 n1 consul web [dc1]true\n" {
		t.Errorf("%+v", got)
	}
	config := filepath.Join(dir, "ct.hcl")
	if err := os.WriteFile(config, fmt.Appendf(nil, `consul { address = %q } template { source = %q destination = "%s2" left_delimiter = "<<" right_delimiter = ">>" }`, c.http, in, out), 0o600); err != nil {
		t.Fatal(err)
	}
	write(`<<key "a/b">> {{`)
	if got := c.ask("template", "-config", config, "-once"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	fileSays(t, out+"2", "y {{")
	for text, want := range map[string]string{
		`{{nope}}`: `function "nope" not defined`, `{{"x" | parseInt}}`: `parsing "x"`, `{{key "a@dc9"}}`: `no path to datacenter "dc9"`,
	} {
		write(text)
		if got := c.ask("template", "-template", flag, "-once"); got.code != 14 || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v", text, got)
		}
	}
	for want, args := range map[string][]string{
		"want a template": {}, `write it as \"in:out\"`: {"-template", "x"}, "-log-level": {"-template", flag, "-log-level", "x"}, "is not usable": {"-template", flag, "-wait", "x"},
		"cannot read config": {"-config", "/no/such"},
	} {
		if got := c.ask(append([]string{"template"}, args...)...); got.code == 0 || !strings.Contains(strings.ReplaceAll(got.err, `"`, `\"`), want) {
			t.Errorf("%q: %+v", args, got)
		}
	}
}
