// Package kv is the verbs of the key/value store.
package kv

import (
	"net/url"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

// Verb is the kv family.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "kv", Args: "get|put|delete|export|import", Short: "read and write the key/value store",
		Subs: []verb.Verb{
			{
				Name: "kv get", Args: "KEY", Short: "print the value of a key, or of all keys that begin with it", Run: get,
				Long: "Where the key does not exist the exit code is 1.\n\n" +
					"    holdfast kv get app/motd                    the value\n" +
					"    holdfast kv get -detailed app/motd          with its indexes, flags and session\n" +
					"    holdfast kv get -recurse app/               KEY:VALUE for each key below app/\n" +
					"    holdfast kv get -keys app/                  the keys and folders in app/",
			},
			{
				Name: "kv put", Args: "KEY [VALUE]", Short: "set the value of a key", Run: put,
				Long: "VALUE may be @FILE for the content of a file, or - for standard input. Without one the value is empty. With -cas, -acquire and " +
					"-release the exit code is 1 where the key was not written.\n\n" +
					"    holdfast kv put app/motd 'hello there'\n" +
					"    holdfast kv put app/motd @motd.txt\n" +
					"    holdfast kv put -cas -modify-index=0 app/motd first    only if there is no such key",
			},
			{
				Name: "kv delete", Args: "KEY", Short: "delete a key, or all keys that begin with it", Run: remove,
				Long: "    holdfast kv delete app/motd\n    holdfast kv delete -recurse app/",
			},
			{
				Name: "kv export", Args: "[PREFIX]", Short: "print all keys that begin with PREFIX as JSON", Run: export,
				Long: "Each has its key, its flags and its value in base64. holdfast kv import reads it.\n\n    holdfast kv export app/ >app.json",
			},
			{
				Name: "kv import", Args: "DATA", Short: "write the keys that kv export has printed", Run: load,
				Long: "DATA is JSON, @FILE for the content of a file, or - for standard input. Keys that are there already are overwritten; nothing is deleted.\n\n" +
					"    holdfast kv import @app.json\n    holdfast kv import -prefix=copy/ - <app.json",
			},
		},
	}
}

// entry is one key as the API shows it.
type entry struct {
	Key                                        string
	Value                                      []byte
	Flags, CreateIndex, ModifyIndex, LockIndex uint64
	Session                                    string
}

// path is where a key is in the API; its slashes stay. People write a slash in front, which no key has.
func path(key string) string {
	parts := strings.Split(strings.TrimPrefix(key, "/"), "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/v1/kv/" + strings.Join(parts, "/")
}
