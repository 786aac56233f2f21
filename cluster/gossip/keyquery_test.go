package gossip

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

func withFile(path string) func(*Config) { return func(cfg *Config) { cfg.KeyringFile = path } }

// rotate does something with a key everywhere, and wants no failure.
func rotate(t *testing.T, m *member, op cluster.KeyOp, k []byte) []cluster.KeyAnswer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	answers, err := m.Keyring(ctx, op, k, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if a.Err != nil {
			t.Errorf("operation %d on %s: %v", op, a.Member.Name, a.Err)
		}
	}
	return answers
}

// TestKeyIsChangedEverywhere changes the key of a pool through one member: every keyring follows, and so does every file.
func TestKeyIsChangedEverywhere(t *testing.T) {
	all := openAll(t, 3, calm, withKeys(key(1)))
	for _, step := range []struct {
		op   cluster.KeyOp
		key  byte
		want []byte // the keys that everybody has, the primary first
	}{{cluster.ListKeys, 0, []byte{1}}, {cluster.InstallKey, 2, []byte{1, 2}}, {cluster.UseKey, 2, []byte{2, 1}}, {cluster.RemoveKey, 1, []byte{2}}, {cluster.RemoveKey, 1, []byte{2}}, {cluster.InstallKey, 2, []byte{2}}} {
		answers := rotate(t, all[1], step.op, key(step.key))
		if len(answers) != 3 {
			t.Fatalf("%d members answered", len(answers))
		}
		for i, a := range answers {
			var got []byte
			for _, k := range a.Keys {
				got = append(got, k[0])
			}
			if !bytes.Equal(got, step.want) || a.Member.Name != all[i].cfg.Name {
				t.Errorf("after operation %d with %d, %s has %v, want %v", step.op, step.key, a.Member.Name, got, step.want)
			}
		}
	}
	if answers, err := all[0].Keyring(t.Context(), cluster.ListKeys, nil, true); err != nil || len(answers) != 1 || answers[0].Member.Name != all[0].cfg.Name {
		t.Errorf("asked alone: %+v, %v", answers, err)
	}
}

func TestKeyQueryTellsWhatFailed(t *testing.T) {
	all := openAll(t, 2, calm, withKeys(key(1)))
	answers, err := all[0].Keyring(t.Context(), cluster.UseKey, key(9), false)
	if err != nil || len(answers) != 2 {
		t.Fatalf("%+v, %v", answers, err)
	}
	for _, a := range answers {
		if a.Err == nil || !strings.Contains(a.Err.Error(), "install it before") {
			t.Errorf("%s: %v", a.Member.Name, a.Err)
		}
	}
	if _, err := all[0].Keyring(t.Context(), cluster.InstallKey, []byte("short"), false); cluster.CodeOf(err) != cluster.Invalid {
		t.Errorf("a short key: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if answers, err := all[0].Keyring(ended, cluster.ListKeys, nil, false); err != nil || len(answers) != 2 {
		t.Errorf("without time: %+v, %v", answers, err)
	}
	plain := open(t, "plain")
	if _, err := plain.Keyring(t.Context(), cluster.ListKeys, nil, false); cluster.CodeOf(err) != cluster.Invalid || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("in plain text: %v", err)
	}
}

// TestKeyringIsKept restarts a member whose key was changed: what it kept goes before the key of its configuration.
func TestKeyringIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serf", "local.keyring")
	m := open(t, "n1", withKeys(key(1)), withFile(file))
	if b, err := os.ReadFile(file); err != nil || !strings.Contains(string(b), `"AQEBAQEB`) {
		t.Fatalf("the first keyring: %s, %v", b, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	rotate(t, m, cluster.InstallKey, key(2))
	rotate(t, m, cluster.UseKey, key(2))
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for _, configured := range [][][]byte{{key(1)}, nil, {key(7)}} {
		again := open(t, "n1", withKeys(configured...), withFile(file))
		if keys, err := again.listKeys(); err != nil || len(keys) != 2 || !bytes.Equal(keys[0], key(2)) {
			t.Errorf("with %d keys configured it has %x, %v", len(configured), keys, err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, damaged := range []string{"", "{}", "[]", `["x"]`, `["AQE="]`} {
		if err := os.WriteFile(file, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := quick("n1")
		cfg.KeyringFile = file
		if err := unopened(cfg).Open(); cluster.CodeOf(err) != cluster.Invalid || !strings.Contains(err.Error(), file) {
			t.Errorf("a keyring of %q: %v", damaged, err)
		}
	}
}

func TestNoKeyringWithoutKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "local.keyring")
	open(t, "n1", withFile(file))
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a pool in plain text kept a keyring: %v", err)
	}
}
