package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var dnsLine = regexp.MustCompile(`msg="holdfast is up".* dns="?\[([^] ]*)`)

// TestDNSSetup prints, writes and undoes, in a folder of its own, beside an agent that answers.
func TestDNSSetup(t *testing.T) {
	c := startAgent(t, "", "-dev")
	c.await(leadLine)
	server := c.await(dnsLine)[1]
	var x terminal
	for name, want := range map[string]string{"systemd-resolved": "Domains=~consul", "dnsmasq": "server=/consul/", "unbound": "stub-zone:", "bind": "forwarders {"} {
		root := t.TempDir()
		if name == "bind" {
			if err := os.MkdirAll(filepath.Join(root, "etc/bind"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "etc/bind/named.conf.local"), []byte("// mine\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var got said
		eventually(t, "the DNS answers", func() bool { // within the verb's patience
			got = x.run(t, "dns", "setup", "--"+name, "-server", server)
			return strings.Contains(got.err, " answers.")
		})
		if got.code != 0 || !strings.Contains(got.out, want) || !strings.Contains(got.out, "# then\nsystemctl ") {
			t.Errorf("%s: %+v", name, got)
		}
		if got := x.run(t, "dns", "setup", "--"+name, "-server", server, "-root", root, "-write"); got.code != 0 || !strings.HasPrefix(got.out, "Wrote: "+root) {
			t.Errorf("%s -write: %+v", name, got)
		}
		if got := x.run(t, "dns", "setup", "--"+name, "-root", root, "-undo"); got.code != 0 || !strings.HasPrefix(got.out, "Changed: "+root) {
			t.Errorf("%s -undo: %+v", name, got)
		}
		if got := x.run(t, "dns", "setup", "--"+name, "-root", root, "-undo"); got.code != 0 || got.out != "There is nothing to remove.\n" {
			t.Errorf("%s -undo once more: %+v", name, got)
		}
	}
}

func TestDNSSetupMistakes(t *testing.T) {
	var x terminal
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "want one resolver"},
		{[]string{"--bind", "--unbound"}, "want one resolver"},
		{[]string{"--bind", "-write", "-undo"}, "-write and -undo contradict each other"},
		{[]string{"--bind", "-server", "localhost"}, `-server "localhost" is not an address with a port`},
		{[]string{"--bind", "-domain", `con"sul`}, `-domain "con\"sul" is not the name of a domain`},
		{[]string{"--bind", "now"}, "want flags alone"},
	} {
		got := x.run(t, append([]string{"dns", "setup"}, tt.args...)...)
		if got.code != 1 || !strings.Contains(got.err, tt.want) || got.out != "" {
			t.Errorf("dns setup %q: %+v, want %q", tt.args, got, tt.want)
		}
	}
	// Where nothing answers the words are printed all the same.
	if got := x.run(t, "dns", "setup", "--dnsmasq", "-server", "127.0.0.1:1"); got.code != 0 || !strings.Contains(got.err, "does not answer yet") {
		t.Errorf("without an agent: %+v", got)
	}
}
