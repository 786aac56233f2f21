package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"runtime/debug"
)

// version is Holdfast's own; compatVersion is the Consul release whose API, DNS and command line it speaks.
const (
	version       = "0.1.0"
	compatVersion = "1.21.4"
)

// revision is the commit that was built; the Makefile sets it.
var revision = "dev"

// build is what members show each other and Consul's clients, "1.21.4:revision".
func build() string { return compatVersion + ":" + revision }

// buildDate is the time of the commit that was built, as Go notes it; else a date that clients can parse.
func buildDate() string {
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			if s.Key == "vcs.time" && s.Value != "" {
				return s.Value
			}
		}
	}
	return "1970-01-01T00:00:01Z"
}

func versionVerb() verb {
	return verb{
		name: "version", short: "print the version", run: runVersion,
		long: "Called as consul, through a link of that name, it prints the version of Consul whose API it speaks, in the form that Consul does.",
	}
}

func keygenVerb() verb {
	return verb{
		name: "keygen", short: "print a new gossip key for encrypt", run: runKeygen,
		long: "The key is random, 32 bytes in base64. Every member needs the same one, as encrypt in its config file.",
	}
}

// versionJSON is what -format=json prints: under the name consul the version is Consul's.
type versionJSON struct {
	Version    string
	Revision   string
	Prerelease string
	BuildDate  string
	Holdfast   string `json:",omitempty"` // beside Consul's
	Consul     string `json:",omitempty"` // beside our own
}

func runVersion(_ context.Context, c *console, args []string) error {
	fs := newFlags(c, "version")
	var format formatFlag
	format.register(fs)
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := wantArgs(fs, 0, 0, "no arguments"); err != nil {
		return err
	}
	v := versionJSON{Version: version, Revision: revision, BuildDate: buildDate(), Consul: compatVersion}
	text := fmt.Sprintf("Holdfast v%s\nRevision %s\nSpeaks the API of Consul v%s\n", version, revision, compatVersion)
	if c.name == "consul" {
		v.Version, v.Consul, v.Holdfast = compatVersion, "", version
		text = fmt.Sprintf("Consul v%s\nRevision %s\nBuild Date %s\nSpoken by Holdfast v%s\n", compatVersion, revision, v.BuildDate, version)
	}
	if format.json {
		b, err := json.MarshalIndent(v, "", "    ")
		if err != nil {
			return err
		}
		text = string(b) + "\n"
	}
	_, err := fmt.Fprint(c.out, text)
	return err
}

func runKeygen(_ context.Context, c *console, args []string) error {
	fs := newFlags(c, "keygen")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := wantArgs(fs, 0, 0, "no arguments"); err != nil {
		return err
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.out, base64.StdEncoding.EncodeToString(key))
	return err
}
