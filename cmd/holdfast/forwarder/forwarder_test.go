package forwarder

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var local = Target{Domain: "consul", Server: netip.MustParseAddrPort("127.0.0.1:8600")}

func TestSnippets(t *testing.T) {
	for name, want := range map[string]string{
		"systemd-resolved": "[Resolve]\nDNS=127.0.0.1:8600\nDNSSEC=false\nDomains=~consul\n",
		"dnsmasq":          "server=/consul/127.0.0.1#8600\n",
		"unbound":          "server:\n  do-not-query-localhost: no\n  domain-insecure: \"consul.\"\nstub-zone:\n  name: \"consul.\"\n  stub-addr: 127.0.0.1@8600\n",
		"bind":             "zone \"consul\" IN {\n  type forward;\n  forward only;\n  forwarders { 127.0.0.1 port 8600; };\n};\n",
	} {
		i := slices.IndexFunc(Kinds(), func(k Kind) bool { return k.Name == name })
		if i < 0 {
			t.Fatalf("there is no resolver %s", name)
		}
		first, rest, _ := strings.Cut(Kinds()[i].Snippet(local), "\n")
		if rest != want || !strings.HasSuffix(first, mark) {
			t.Errorf("%s:\n%s\n%s\nwant\n%s", name, first, rest, want)
		}
	}
}

// tree is the content of every file below a folder.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWriteAndUndo(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			root := t.TempDir()
			if k.Include != "" {
				if _, err := k.Write(root, local); err == nil || !strings.Contains(err.Error(), k.Include) {
					t.Errorf("without the file that is to include it: %v", err)
				}
				put(t, filepath.Join(root, k.Include), "// mine")
			}
			before := tree(t, root)
			for range 2 { // twice is as once
				if _, err := k.Write(root, local); err != nil {
					t.Fatal(err)
				}
			}
			after := tree(t, root)
			if after[k.Path] != k.Snippet(local) {
				t.Errorf("%s holds %q", k.Path, after[k.Path])
			}
			if k.Include != "" && after[k.Include] != "// mine\n"+k.includeLine()+"\n" {
				t.Errorf("%s holds %q", k.Include, after[k.Include])
			}
			changed, err := k.Undo(root)
			if err != nil || len(changed) == 0 {
				t.Errorf("undo changed %v: %v", changed, err)
			}
			left := tree(t, root)
			if k.Include != "" {
				left[k.Include] = strings.TrimSuffix(left[k.Include], "\n") // that a line ends is no change
			}
			if len(left) != len(before) || k.Include != "" && left[k.Include] != before[k.Include] {
				t.Errorf("undo leaves %q, before there was %q", left, before)
			}
			if changed, err := k.Undo(root); err != nil || len(changed) != 0 {
				t.Errorf("undo once more changed %v: %v", changed, err)
			}
		})
	}
}

func TestOthersFilesStay(t *testing.T) {
	for _, k := range Kinds() {
		root := t.TempDir()
		put(t, filepath.Join(root, k.Path), "mine")
		if k.Include != "" {
			put(t, filepath.Join(root, k.Include), "mine, too")
		}
		before := tree(t, root)
		_, errWrite := k.Write(root, local)
		_, errUndo := k.Undo(root)
		for _, err := range []error{errWrite, errUndo} {
			if err == nil || !strings.Contains(err.Error(), "was not written by holdfast") {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
		after := tree(t, root)
		for path, content := range before {
			if after[path] != content || len(after) != len(before) {
				t.Errorf("%s: a refusal changed %s", k.Name, path)
			}
		}
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
