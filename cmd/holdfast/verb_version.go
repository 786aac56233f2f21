package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
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

func runVersion(_ context.Context, c *console, _ []string) error {
	_, err := fmt.Fprintf(c.out, "Holdfast v%s\nRevision %s\nSpeaks the API of Consul v%s\n", version, revision, compatVersion)
	return err
}

func runKeygen(_ context.Context, c *console, _ []string) error {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.out, base64.StdEncoding.EncodeToString(key))
	return err
}
