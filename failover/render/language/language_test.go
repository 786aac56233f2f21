package language

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// nothing is a Source with three keys and one instance.
type nothing struct{}

func (nothing) Key(key string) (*Pair, error) {
	switch key {
	case "a":
		return &Pair{Path: "a", Key: "a", Value: "1"}, nil
	case "broken":
		return nil, errors.New("the source is broken")
	}
	return nil, nil
}

func (nothing) Below(prefix string) ([]*Pair, error) {
	return []*Pair{{Path: prefix + "/x/y", Key: prefix + "/x/y", Value: "v"}}, nil
}
func (nothing) Datacenter() (string, error)       { return "dc1", nil }
func (nothing) Nodes(string) ([]*Node, error)     { return []*Node{{Node: "n1"}}, nil }
func (nothing) Node(string) (*CatalogNode, error) { return nil, nil }
func (nothing) Services() ([]*Service, error)     { return []*Service{{Name: "web", Tags: Tags{"t"}}}, nil }
func (nothing) Roots() ([]*Root, error)           { return nil, nil }
func (nothing) Instances(string, string) ([]*Instance, error) {
	return []*Instance{(&Instance{ID: "w", Name: "web", Port: 80, NodeAddress: "10.0.0.1", Tags: []string{"b", "a"}, ServiceMeta: map[string]string{"n": "x"}}).Complete()}, nil
}

func execute(t testing.TB, text string, opts Options) (*Result, error) {
	t.Helper()
	p, err := Parse("t", text, opts)
	if err != nil {
		return nil, err
	}
	return p.Execute(t.Context(), nothing{}, nil)
}

// TestErrors holds that what is wrong with a template is said in a sentence.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{{nope}}`:                                  `function "nope" not defined`,
		`{{if}}`:                                    "missing value for if",
		`{{key "broken"}}`:                          "the source is broken",
		`{{key "a@dc2"}}`:                           `no path to datacenter "dc2": this is "dc1"`,
		`{{service "web|bad"}}`:                     `the filter "bad" in "web|bad" is not known`,
		`{{service "a b"}}`:                         `"a b" is not of the form`,
		`{{service "web?ns=x"}}`:                    `there are no namespaces, partitions and peers: leave "ns=x" out`,
		`{{service "web?dc=x"}}`:                    `the parameter "dc" of "dc=x" is not known`,
		`{{nodes "x"}}`:                             `"x" is not of the form`,
		`{{connect "web"}}`:                         "the function connect is refused: there is no service mesh",
		`{{secret "a"}}`:                            "the function secret is refused: secrets of Vault are not read",
		`{{nomadServices}}`:                         "the function nomadServices is refused",
		`{{peerings}}`:                              "there are no partitions and no peers",
		`{{plugin "x"}}`:                            "a template runs no programs",
		`{{mustEnv "HOLDFAST_NOPE"}}`:               "HOLDFAST_NOPE is not set",
		`{{executeTemplate "nope"}}`:                `no template "nope"`,
		`{{executeTemplate "a" 1 2}}`:               "want a name and at most one value",
		`{{"x" | parseInt}}`:                        `parsing "x"`,
		`{{"{" | parseJSON}}`:                       "unexpected end of JSON input",
		`{{": - x" | parseYAML}}`:                   "yaml:",
		`{{"!!" | base64Decode}}`:                   "illegal base64",
		`{{regexMatch "(" "a"}}`:                    "missing closing )",
		`{{divide 0 1}}`:                            "divided by zero",
		`{{modulo 2.5 5}}`:                          "want whole numbers",
		`{{add "1" 2}}`:                             "is not a number",
		`{{indent -1 "a"}}`:                         "cannot be negative",
		`{{loop}}`:                                  "want one or two numbers",
		`{{loop "x"}}`:                              `parsing "x"`,
		`{{timestamp "a" "b"}}`:                     "want at most one format",
		`{{byTag 1}}`:                               "want what service or services gives",
		`{{byMeta "n|int" (service "web")}}`:        "which is not a number",
		`{{explodeMap (sprig_dict "a/b" 1 "a" 2)}}`: "a key and a folder at once",
		`{{scratch.Set "a" 1}}{{scratch.MapSet "a" "b" 1}}`:             "is not a map",
		`{{file "/no/such"}}`:                                           "no such file",
		`{{file "/dev/zero"}}`:                                          "is no regular file",
		`{{writeToFile "x" "" "" "0644" "c"}}`:                          "is not an absolute path",
		`{{writeToFile "/x" "" "" "abc" "c"}}`:                          "are not octal",
		`{{writeToFile "/x" "" "" "0644" "bad" "c"}}`:                   `the flag "bad" is not known`,
		`{{sockaddr "nope"}}`:                                           "nope",
		strings.Repeat("x", maxSource+1):                                "at most 1048576 are allowed",
		`{{$d := sprig_dict}}{{$x := sprig_set $d "a" $d}}{{print $x}}`: "deep in one another",
	} {
		if _, err := execute(t, text, Options{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.80s\n%v\nwant %q", text, err, want)
		}
	}
}

// TestLimits holds that no template runs for ever or eats the memory: each of these would do so in Go's own template package.
func TestLimits(t *testing.T) {
	double := `{{$x := "0123456789abcdef"}}`
	for text, want := range map[string]string{
		`{{range 1000000000}}{{range 1000000000}}{{end}}{{end}}`:                                                                "turn more than",
		`{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`:                                                                 "more than 1000 deep",
		`{{define "a"}}{{executeTemplate "a"}}{{end}}{{template "a"}}`:                                                          "more than 1000 deep",
		`{{define "a"}}{{range 9}}{{template "a" .}}{{end}}{{end}}{{template "a"}}`:                                             "more than 1000 deep",
		`{{executeTemplate "t"}}`:                                                                                               "more than 1000 deep",
		`{{range loop 100000000}}{{end}}`:                                                                                       "more than 67108864 bytes",
		`{{range loop -9000000000000000000 9000000000000000000}}{{end}}`:                                                        "more than 67108864 bytes",
		double + `{{range loop 60}}{{$x = print $x $x}}{{end}}`:                                                                 "more than 16777216 bytes",
		double + `{{range loop 60}}{{$x = printf "%s%s" $x $x}}{{end}}`:                                                         "more than 16777216 bytes",
		double + `{{range loop 60}}{{$x = replaceAll "0" $x $x}}{{end}}`:                                                        "bytes",
		double + `{{range loop 60}}{{$x = regexReplaceAll "." $x $x}}{{end}}`:                                                   "bytes",
		double + `{{range loop 60}}{{$x = join $x (split "" $x)}}{{end}}`:                                                       "bytes",
		double + `{{range loop 60}}{{$x = html "<" $x $x}}{{end}}`:                                                              "bytes",
		`{{sprig_repeat 1000000000 "x"}}`:                                                                                       "more than 67108864 bytes",
		`{{indent 1000000000 "x"}}`:                                                                                             "more than 67108864 bytes",
		`{{sprig_nindent 1000000000 "x"}}`:                                                                                      "more than 67108864 bytes",
		`{{sprig_until 1000000000}}`:                                                                                            "more than 67108864 bytes",
		`{{sprig_untilStep 0 1000000000 1}}`:                                                                                    "more than 67108864 bytes",
		`{{sprig_seq 1 1000000000}}`:                                                                                            "more than 67108864 bytes",
		`{{$l := sprig_list 1}}{{range loop 60}}{{$l = sprig_concat $l $l}}{{end}}`:                                             "more than 16777216 bytes",
		`{{$l := sprig_list 1}}{{range loop 60}}{{$l = sprig_list $l $l}}{{end}}{{print $l}}`:                                   "more than 16777216 bytes",
		`{{$l := sprig_list 1}}{{range loop 900}}{{$l = sprig_list $l}}{{end}}{{print $l}}`:                                     "deep in one another",
		`{{range loop 100000}}{{sprig_repeat 1000 "x"}}{{end}}`:                                                                 "more than 16777216 bytes of text",
		`{{range loop 100000}}{{$x := sprig_repeat 10000 "x"}}{{end}}`:                                                          "altogether",
		`{{range $i := loop 60}}{{scratch.Set "a" (sprig_list (scratch.Get "a") (scratch.Get "a") "0123456789abcdef")}}{{end}}`: "more than 16777216 bytes",
		`{{range $i := loop 100000}}{{scratch.MapSet "a" (print $i) (sprig_repeat 10000 "x")}}{{end}}`:                          "altogether",
		`{{scratch.MapSet "a" "x" 1}}{{range loop 999}}{{scratch.MapSet "a" "x" (scratch.Get "a")}}{{end}}{{scratch.Get "a"}}`:  "deep in one another",
	} {
		began := time.Now()
		p, err := Parse("t", text, Options{})
		if err != nil {
			t.Fatal(err)
		}
		p.turns = 100_000
		_, err = p.Execute(t.Context(), nothing{}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%.200v\nwant %q", text, err, want)
		}
		if took := time.Since(began); took > maxTime+20*time.Second {
			t.Errorf("%s took %s", text, took)
		}
	}
}

// TestDeepSource holds that a template nested as deep as its size allows is an error or a text, and no end of the program.
func TestDeepSource(t *testing.T) {
	for _, text := range []string{
		"{{" + strings.Repeat("(", 300_000) + "1" + strings.Repeat(")", 300_000) + "}}",
		strings.Repeat("{{if 1}}", 60_000) + strings.Repeat("{{end}}", 60_000),
		strings.Repeat("{{with 1}}{{range .}}", 30_000) + strings.Repeat("{{end}}{{end}}", 30_000),
		`{{parseJSON ` + "`" + strings.Repeat("[", 300_000) + strings.Repeat("]", 300_000) + "`}}",
		`{{parseYAML ` + "`" + strings.Repeat("[", 300_000) + strings.Repeat("]", 300_000) + "`}}",
		`{{explodeMap (sprig_dict "` + strings.Repeat("a/", 300_000) + `" 1)}}`,
	} {
		_, _ = execute(t, text, Options{}) // it comes back
	}
}

// TestCancelled holds that a template ends when nobody waits for it any more.
func TestCancelled(t *testing.T) {
	p, err := Parse("t", `{{range 1000000000}}{{end}}`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Execute(ctx, nothing{}, nil); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("%v", err)
	}
}

// TestMissing holds that what is missing is named, and that errors that follow from it are not.
func TestMissing(t *testing.T) {
	r, err := execute(t, `{{key "x"}}{{key "y" | parseInt | add 1}}{{safeTree "t" | len}}{{key "x"}}{{with key "y"}}{{else}}{{mustEnv "NOPE"}}{{end}}`, Options{})
	if err != nil || strings.Join(r.Missing, "; ") != `key "x"; key "y"` || r.Text != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestMemory holds that a key that is gone has its last value.
func TestMemory(t *testing.T) {
	p, err := Parse("t", `{{key "a"}}`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := &Memory{}
	if r, err := p.Execute(t.Context(), nothing{}, m); err != nil || r.Text != "1" || len(r.Gone) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := p.Execute(t.Context(), gone{}, m); err != nil || r.Text != "1" || len(r.Gone) != 1 || r.Gone[0] != "a" {
		t.Errorf("%+v, %v", r, err)
	}
}

type gone struct{ nothing }

func (gone) Key(string) (*Pair, error) { return nil, nil }

// TestOptions holds the delimiters, what a missing field gives, denied functions, the sandbox and the environment.
func TestOptions(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		text, want string
		opts       Options
	}{
		{`<<key "a">> {{x}}`, "1 {{x}}", Options{Left: "<<", Right: ">>"}},
		{`{{$x := parseJSON "{}"}}{{$x.y}}`, "<no value>", Options{}},
		{`{{$x := parseJSON "{}"}}{{$x.y}}`, `map has no entry for key "y"`, Options{ErrorOnMissingKey: true}},
		{`{{env "A"}}`, "refused: function_denylist names it", Options{Denied: []string{"env"}}},
		{`{{env "A"}}`, `function_denylist names "nope"`, Options{Denied: []string{"nope"}}},
		{`{{env "A"}}{{envOrDefault "B" "d"}}`, "2", Options{Env: []string{"A=1", "A=2", "B="}}},
		{`{{file "/etc/passwd"}}`, "lies outside of sandbox_path", Options{Sandbox: dir}},
		{`{{file "` + dir + `/../../etc/passwd"}}`, "", Options{Sandbox: dir}},
	} {
		r, err := execute(t, tt.text, tt.opts)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = r.Text
		}
		if !strings.Contains(got, tt.want) || (tt.want == "" && err == nil) {
			t.Errorf("%s %+v: %q, want %q", tt.text, tt.opts, got, tt.want)
		}
	}
}

// TestWriteToFile holds that files are handed over and not written.
func TestWriteToFile(t *testing.T) {
	r, err := execute(t, `x{{key "a" | writeToFile "/no/such/x" "u" "g" "0600"}}{{"b" | writeToFile "/no/such/y" "" "" "0644" "append,newline"}}`, Options{})
	if err != nil || r.Text != "x" || len(r.Files) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if f := r.Files[0]; f != (File{Path: "/no/such/x", Owner: "u", Group: "g", Perms: "0600", Content: "1"}) {
		t.Errorf("%+v", f)
	}
	if f := r.Files[1]; f != (File{Path: "/no/such/y", Perms: "0644", Content: "b\n", Append: true}) {
		t.Errorf("%+v", f)
	}
}

// FuzzTemplate holds that no template makes the program panic, run for ever or eat the memory.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		`{{range service "web"}}{{.Address}}:{{.Port}}{{end}}`, `{{key "a"}}{{ls "x"}}{{tree "y" | explode | toYAML}}`, `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`,
		`{{range 99999999}}{{range 99999999}}{{end}}{{end}}`, `{{$x := "a"}}{{range loop 99}}{{$x = print $x $x}}{{end}}`, `{{scratch.MapSet "a" "b" (scratch.Get "a")}}`,
		`{{executeTemplate "t"}}`, `{{"[[[" | parseJSON}}`, `{{sprig_repeat 99 "x"}}`, `{{with service "web|any"}}{{index . 9}}{{end}}`, `{{((((1))))}}`, `{{break}}`, "{{`",
		`{{byMeta "a|int" (service "b.web")}}`, `{{sprig_dict "a"}}`, `{{slice "abc" 5}}`, `{{call nil}}`, `{{range $i, $e := loop 3}}{{continue}}{{end}}`, `{{template "x" .}}`, `{{block "a" .}}{{end}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, heavy := range []string{"bcrypt", "htpasswd", "derivePassword", "gen", "file", "writeToFile", "AES"} {
			if strings.Contains(text, heavy) {
				return // it takes its time by itself, or looks at this machine
			}
		}
		p, err := Parse("t", text, Options{Env: []string{"A=1"}})
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, _ = p.Execute(ctx, nothing{}, nil)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
