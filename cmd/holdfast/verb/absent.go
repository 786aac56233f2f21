package verb

import (
	"context"
	"errors"
	"slices"
)

// NotOffered is a verb of Consul's that says in one sentence why it is not there.
func NotOffered(name, why string) Verb {
	return Verb{
		Name: name, Short: "a verb of Consul's that is not offered", Long: UpperFirst(why) + ".", Absent: true,
		Run: func(_ context.Context, c *Console, args []string) error {
			if slices.ContainsFunc(args, IsHelp) {
				return ParseFlags(c.Flags(), []string{"-h"})
			}
			return errors.New("this verb of Consul's is not offered: " + why)
		},
	}
}
