package machine

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"holdfast/cmd/holdfast/verb"
)

func keygenVerb() verb.Verb {
	return verb.Verb{
		Name: "keygen", Short: "print a new gossip key for encrypt", Run: runKeygen, Examples: []string{"keygen"},
		Long: "The key is random, 32 bytes in base64. Every member needs the same one, as encrypt in its config file.",
	}
}

func runKeygen(_ context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	if err := verb.WantArgs(fs, 0, 0, "no arguments"); err != nil {
		return err
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.Out, base64.StdEncoding.EncodeToString(key))
	return err
}
