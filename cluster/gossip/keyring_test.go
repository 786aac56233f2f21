package gossip

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"holdfast/cluster"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func withKeys(keys ...[]byte) func(*Config) {
	return func(cfg *Config) { cfg.Keys = keys }
}

func TestEncryptedPool(t *testing.T) {
	all := openAll(t, 2, calm, withKeys(key(1)))
	if err := all[0].SendEvent([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the user event", func() bool { return len(all[1].payloads()) == 1 })
}

func TestEncryptionMismatch(t *testing.T) {
	for name, row := range map[string]struct {
		pool, joiner []byte
		want         string
	}{
		"joiner has no key":      {key(1), nil, "it gossips with a key and this agent has none: set encrypt to the key of the others"},
		"pool has no key":        {nil, key(1), "it gossips in plain text and this agent with a key: give all agents the same encrypt key"},
		"another key":            {key(1), key(2), "it gossips with another key than this agent: set encrypt to the key of the others"},
		"keys of another length": {key(1), key(1)[:16], "it gossips with another key than this agent: set encrypt to the key of the others"},
	} {
		t.Run(name, func(t *testing.T) {
			with := func(k []byte) func(*Config) {
				if k == nil {
					return withKeys()
				}
				return withKeys(k)
			}
			pool, joiner := open(t, "n1", calm, with(row.pool)), open(t, "n2", calm, with(row.joiner))
			n, err := joiner.Join(t.Context(), []string{pool.addr()})
			if n != 0 || cluster.CodeOf(err) != cluster.Invalid || err.Error() != "cannot join "+pool.addr()+": "+row.want {
				t.Errorf("joined %d, %v", n, err)
			}
			if len(pool.Members()) != 1 || len(joiner.Members()) != 1 {
				t.Errorf("they know each other: %v, %v", pool.Members(), joiner.Members())
			}
		})
	}
}

func TestFirstPacketIsEncrypted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	first := make(chan []byte, 1)
	go func() {
		defer close(first)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 64<<10)
		n, _ := conn.Read(b)
		first <- b[:n]
	}()
	m := open(t, "very-secret-name", withKeys(key(7)))
	_, _ = m.Join(t.Context(), []string{listener.Addr().String()})
	got := <-first
	if len(got) == 0 || bytes.Contains(got, []byte("very-secret-name")) {
		t.Errorf("sent in plain text: %q", got)
	}
}

func TestKeyIsChangedWithoutAGap(t *testing.T) {
	all := openAll(t, 2, calm, withKeys(key(1)))
	step := func(what string, fn func(m *member) error) {
		t.Helper()
		for _, m := range all {
			if err := fn(m); err != nil {
				t.Fatal(err)
			}
			if err := m.SendEvent([]byte(what)); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range all {
			eventually(t, "the user event after "+what, func() bool {
				n := 0
				for _, p := range m.payloads() {
					if p == what {
						n++
					}
				}
				return n == len(all)
			})
		}
	}
	step("install", func(m *member) error { return m.installKey(key(2)) })
	step("use", func(m *member) error { return m.useKey(key(2)) })
	step("remove", func(m *member) error { return m.removeKey(key(1)) })
	keys, err := all[0].listKeys()
	if err != nil || len(keys) != 1 || !bytes.Equal(keys[0], key(2)) {
		t.Errorf("keyring %x, %v", keys, err)
	}
	old := open(t, "old", calm, withKeys(key(1)))
	if n, err := old.Join(t.Context(), []string{all[0].addr()}); n != 0 || err == nil {
		t.Errorf("the removed key still joins: %d, %v", n, err)
	}
}

func TestKeyringRefuses(t *testing.T) {
	m := open(t, "n1", withKeys(key(1)))
	plain := open(t, "n2")
	for _, row := range []struct {
		err  error
		code cluster.Code
		says string
	}{
		{m.installKey([]byte("short")), cluster.Invalid, "5 bytes long"},
		{m.useKey(key(9)), cluster.NotFound, "install it before"},
		{m.removeKey(key(1)), cluster.Conflict, "use another before"},
		{m.removeKey(key(9)), 0, ""},
		{plain.installKey(key(1)), cluster.Invalid, "gossip is not encrypted"},
	} {
		if row.says == "" && row.err == nil {
			continue
		}
		if row.err == nil || cluster.CodeOf(row.err) != row.code || !strings.Contains(row.err.Error(), row.says) {
			t.Errorf("got %v, want one that says %q", row.err, row.says)
		}
	}
}

func TestListedKeysAreCopies(t *testing.T) {
	own := key(1)
	m := open(t, "n1", withKeys(own))
	own[0] = 99
	keys, err := m.listKeys()
	if err != nil || !bytes.Equal(keys[0], key(1)) {
		t.Fatalf("%x, %v", keys, err)
	}
	keys[0][0] = 99
	if again, _ := m.listKeys(); !bytes.Equal(again[0], key(1)) {
		t.Error("a caller changed the keyring")
	}
}
