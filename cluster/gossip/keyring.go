package gossip

import (
	"fmt"
	"slices"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// The gossip keys of this member. The first of the keyring, the primary, encrypts what is sent; each decrypts. A key is changed without a gap by installing
// the new one everywhere, then using it everywhere, then removing the old one everywhere.

func checkKey(key []byte) error {
	if memberlist.ValidateKey(key) != nil {
		return cluster.Errorf(cluster.Invalid, "encrypt: the gossip key is %d bytes long, and must be 16, 24 or 32 (32 from: holdfast keygen)", len(key))
	}
	return nil
}

// newKeyring is the keyring of a member, nil where gossip is not encrypted.
func newKeyring(keys [][]byte) (*memberlist.Keyring, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	own := make([][]byte, len(keys))
	for i, key := range keys {
		own[i] = slices.Clone(key)
	}
	return memberlist.NewKeyring(own, own[0])
}

// firstKeys is the keyring that the pool opens with: what was kept, else the configured keys, which are fresh then.
func (p *Pool) firstKeys() (ring *memberlist.Keyring, fresh bool, err error) {
	if p.cfg.KeysOf != nil {
		_, err := p.cfg.KeysOf.running()
		return p.cfg.KeysOf.keys, false, err // which stand from its opening on
	}
	kept, err := loadKeyring(p.cfg.KeyringFile)
	if err != nil {
		return nil, false, err
	}
	keys := p.cfg.Keys
	if kept != nil {
		if len(keys) > 0 && !slices.ContainsFunc(kept, func(k []byte) bool { return slices.Equal(k, keys[0]) }) {
			p.log.Warn("the key of encrypt is passed over: the keyring that was kept has others", "keyring", p.cfg.KeyringFile)
		}
		keys = kept
	}
	if ring, err = newKeyring(keys); err != nil {
		return nil, false, fmt.Errorf("make the gossip keyring: %w", err)
	}
	return ring, kept == nil && len(keys) > 0, nil
}

func (p *Pool) keyring() (*memberlist.Keyring, error) {
	if _, err := p.running(); err != nil {
		return nil, err
	}
	if p.keys == nil {
		return nil, cluster.Errorf(cluster.Invalid, "encrypt: gossip is not encrypted: start all agents with a key first")
	}
	return p.keys, nil
}

// installKey adds a key that decrypts. One that is there already is no error.
func (p *Pool) installKey(key []byte) error {
	ring, err := p.keyring()
	if err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	if known := ring.GetKeys(); len(known) >= message.MaxKeys && !slices.ContainsFunc(known, func(k []byte) bool { return slices.Equal(k, key) }) {
		return cluster.Errorf(cluster.Conflict, "encrypt: there are %d gossip keys: remove one before another is installed", message.MaxKeys)
	}
	return ring.AddKey(slices.Clone(key))
}

// useKey makes an installed key the primary.
func (p *Pool) useKey(key []byte) error {
	ring, err := p.keyring()
	if err != nil {
		return err
	}
	if ring.UseKey(key) != nil {
		return cluster.Errorf(cluster.NotFound, "encrypt: this gossip key is not installed: install it before it is used")
	}
	return nil
}

// removeKey removes a key that is not the primary. One that is not there is no error.
func (p *Pool) removeKey(key []byte) error {
	ring, err := p.keyring()
	if err != nil {
		return err
	}
	if ring.RemoveKey(key) != nil {
		return cluster.Errorf(cluster.Conflict, "encrypt: this gossip key is the one in use: use another before it is removed")
	}
	return nil
}

// listKeys is the keyring, the primary first.
func (p *Pool) listKeys() ([][]byte, error) {
	ring, err := p.keyring()
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	for _, key := range ring.GetKeys() {
		keys = append(keys, slices.Clone(key))
	}
	return keys, nil
}
