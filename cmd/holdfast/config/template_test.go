package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/failover/render"
	"holdfast/failover/render/language"
)

// TestTemplates holds that template blocks are read as people wrote them for consul-template, in both formats, and with our key.
func TestTemplates(t *testing.T) {
	loopback := "127.0.0.1"
	for name, tt := range map[string]struct {
		text string
		want render.Template
	}{
		"a.hcl": {
			`template { contents = "{{key \"a\"}}" destination = "/x/out" command = "systemctl reload x" command_timeout = "60s" perms = 0600 backup = true
			  left_delimiter = "{{" right_delimiter = "}}" error_on_missing_key = true wait { min = "2s" max = "10s" } user = 0 group = "0" validate = "haproxy -c -f {{.}}" }`,
			render.Template{
				Contents: `{{key "a"}}`, Destination: "/x/out", CreateDirs: true, Command: []string{"systemctl reload x"}, CommandTimeout: time.Minute, Perms: 0o600, Backup: true,
				Wait: render.Wait{Min: 2 * time.Second, Max: 10 * time.Second}, User: "0", Group: "0", Validate: []string{"haproxy -c -f {{.}}"},
				Language: language.Options{Left: "{{", Right: "}}", ErrorOnMissingKey: true},
			},
		},
		"b.json": {
			`{"template": [{"contents": "x", "destination": "out", "command": ["a", "b c"], "perms": "0640", "wait": "3s", "create_dest_dirs": false, "uid": 0,
			  "function_denylist": ["env"], "function_blacklist": ["file"], "sandbox_path": "/srv", "error_fatal": false}]}`,
			render.Template{
				Contents: "x", Destination: "out", Command: []string{"a", "b c"}, Perms: 0o640, Wait: render.Wait{Min: 3 * time.Second, Max: 12 * time.Second}, User: "0",
				Language: language.Options{Denied: []string{"env", "file"}, Sandbox: "/srv"},
			},
		},
		"c.hcl": {
			`template { contents = "x" destination = "out" exec { command = ["a"] timeout = "5s" } wait { min = "1s" } }`,
			render.Template{Contents: "x", Destination: "out", CreateDirs: true, Command: []string{"a"}, CommandTimeout: 5 * time.Second, Wait: render.Wait{Min: time.Second, Max: 4 * time.Second}},
		},
		"d.hcl": {
			`template { contents = "x" destination = "out" command = "" wait { enabled = false } }`,
			render.Template{Contents: "x", Destination: "out", CreateDirs: true},
		},
	} {
		f, warnings, err := Parse(name, []byte(tt.text), "")
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v %q", name, err, warnings)
			continue
		}
		f.BindAddr = &loopback
		c, err := Build(f)
		if err != nil || len(c.Templates) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(tt.want, c.Templates[0]); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

func TestTemplatesAmiss(t *testing.T) {
	loopback := "127.0.0.1"
	for text, want := range map[string]string{
		`template { contents = "x" }`:                                                        "template[0]: the template contents has no destination",
		`template { destination = "x" }`:                                                     "needs a source or contents",
		`template { contents = "{{" destination = "x" }`:                                     "the template for x: cannot parse the template",
		`template { contents = "{{nope}}" destination = "x" }`:                               `function "nope" not defined`,
		`template { source = "/no/such" destination = "x" }`:                                 "cannot read the template: open /no/such",
		`template { contents = "x" destination = "x" perms = 9999 }`:                         "perms 9999 is not a file mode",
		`template { contents = "x" destination = "x" perms = "rw" }`:                         "perms rw is not a file mode",
		`template { contents = "x" destination = "x" wait = "soon" }`:                        `wait "soon" is not usable`,
		`template { contents = "x" destination = "x" wait { min = "1s" most = "2s" } }`:      `wait has the key "most"`,
		`template { contents = "x" destination = "x" wait { min = "3s" max = "2s" } }`:       "the longest cannot be below the shortest",
		`template { contents = "x" destination = "x" command = "a" exec { command = "b" } }`: "command and exec are both given",
		`template { contents = "x" destination = "x" validate = "true" }`:                    "write {{.}} where its path goes",
		`template { contents = "x" destination = "x" user = "nobody-at-all" }`:               `the user "nobody-at-all" is not known`,
		`template { contents = "x" destination = "x" function_denylist = ["nope"] }`:         "which is no function",
		`template { contents = "x" destination = "x" } template { contents = "y" destination = "/../x/../x" } template { contents = "y" destination = "/x" }`: "two templates have the destination /x",
		`template { contents = "x" destnation = "x" }`: `unknown key "template[0].destnation"`,
	} {
		f, _, err := Parse("x.hcl", []byte(text), "")
		if err == nil {
			f.BindAddr = &loopback
			_, err = Build(f)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
}
