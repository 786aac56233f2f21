package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestTemplateDedup holds that of two processes one asks for both, and that the other takes over when it is killed.
func TestTemplateDedup(t *testing.T) {
	t.Parallel()
	a := startAgent(t, `session_ttl_min = "1s"`, "-dev", "-node", "n1")
	a.await(leadLine)
	a.ask("kv", "put", "title", "one")
	asks := `msg="this process asks for all that render the template"`
	var both []*renderer
	for range 2 {
		r := startRenderer(t, a, `deduplicate { enabled = true ttl = "4s" prefix = "shared/" }`)
		fileSays(t, r.out, "one")
		both = append(both, r)
	}
	both[0].await(regexp.MustCompile(asks))
	eventually(t, "shared answers", func() bool {
		return strings.Contains(a.api("/v1/kv/shared/?keys"), "/answers")
	})
	a.ask("kv", "put", "title", "two")
	for _, r := range both {
		fileSays(t, r.out, "two")
	}
	if strings.Contains(both[1].log.String(), asks) {
		t.Error("both ask")
	}
	if err := both[0].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	both[1].await(regexp.MustCompile(asks))
	a.ask("kv", "put", "title", "three")
	fileSays(t, both[1].out, "three")
}
