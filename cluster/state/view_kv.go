package state

import (
	"strings"

	"holdfast/cluster"
)

// KVGet is the entry of a key, nil where there is none.
func (v *View) KVGet(key string) *cluster.KVEntry {
	e, _ := v.r.ask(tableKV, key).(*cluster.KVEntry)
	return e
}

// KVList is every entry whose key begins with prefix, in the order of the keys.
func (v *View) KVList(prefix string) []*cluster.KVEntry {
	var list []*cluster.KVEntry
	v.r.askBelow(prefix, func(e *cluster.KVEntry) { list = append(list, e) })
	return list
}

// KVKeys is every key that begins with prefix, in order. With a separator, keys that contain it after the prefix are cut behind its
// first occurrence there, and each such part is listed once.
func (v *View) KVKeys(prefix, separator string) []string {
	var keys []string
	v.r.askBelow(prefix, func(e *cluster.KVEntry) {
		k := e.Key
		if separator != "" {
			if i := strings.Index(k[len(prefix):], separator); i >= 0 {
				k = k[:len(prefix)+i+len(separator)]
			}
		}
		if len(keys) == 0 || keys[len(keys)-1] != k {
			keys = append(keys, k)
		}
	})
	return keys
}
