package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// systemPython is what Debian's Ansible and its modules run in.
const systemPython = "/usr/bin/python3"

// TestAnsible plays Ansible's modules consul, consul_kv and consul_session against an agent.
func TestAnsible(t *testing.T) {
	if testing.Short() {
		t.Skip("a playbook is no unit test")
	}
	playbook, err := exec.LookPath("ansible-playbook")
	if err != nil {
		t.Skip("there is no ansible-playbook on this machine: install ansible and python3-consul")
	}
	if err := exec.CommandContext(t.Context(), systemPython, "-c", "import consul, ansible_collections.community.general").Run(); err != nil {
		t.Skipf("%s has no module consul, or no collection community.general: install ansible and python3-consul", systemPython)
	}
	t.Parallel()
	c := startAgent(t, "", "-dev", "-node", "n1")
	c.await(leadLine)
	_, port, err := net.SplitHostPort(c.http)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), playbook, "-i", "localhost,", "-c", "local", "-e", "ansible_python_interpreter="+systemPython, "-e", "agent_port="+port, "testdata/ansible/playbook.yml")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "ANSIBLE_LOCALHOST_WARNING=false", "ANSIBLE_NOCOLOR=1", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ansible-playbook: %v\n%s", err, out)
	}
	eventually(t, "the catalog has the services", func() bool {
		return strings.Join(strings.Fields(c.ask("catalog", "services", "-tags").out), " ") == "consul web prod,v2 worker"
	})
	if got := c.ask("kv", "get", "-keys", "-separator="); got.out != "app/lock\napp/motd\n" {
		t.Errorf("the keys: %s", got.out)
	}
}
