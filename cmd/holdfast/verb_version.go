package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"

	"holdfast/cmd/holdfast/verb"
)

// version is Holdfast's own; compatVersion is the Consul release whose API, DNS and command line it speaks.
const (
	version       = "0.2.0-dev"
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

func versionVerb() verb.Verb {
	return verb.Verb{
		Name: "version", Short: "print the version", Run: runVersion, Examples: []string{"version", "version -format=json"},
		Long: "Called as consul, through a link of that name, it prints the version of Consul whose API it speaks, in the form that Consul does.",
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

func runVersion(_ context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var format verb.FormatFlag
	format.Register(fs)
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	if err := verb.WantArgs(fs, 0, 0, "no arguments"); err != nil {
		return err
	}
	v := versionJSON{Version: version, Revision: revision, BuildDate: buildDate(), Consul: compatVersion}
	text := fmt.Sprintf("Holdfast v%s\nRevision %s\nSpeaks the API of Consul v%s\n", version, revision, compatVersion)
	if c.Name == "consul" {
		v.Version, v.Consul, v.Holdfast = compatVersion, "", version
		text = fmt.Sprintf("Consul v%s\nRevision %s\nBuild Date %s\nSpoken by Holdfast v%s\n", compatVersion, revision, v.BuildDate, version)
	}
	if format.JSON {
		b, err := json.MarshalIndent(v, "", "    ")
		if err != nil {
			return err
		}
		text = string(b) + "\n"
	}
	_, err := fmt.Fprint(c.Out, text)
	return err
}
