package member

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

func eventVerb() verb.Verb {
	return verb.Verb{
		Name: "event", Args: "[PAYLOAD]", Short: "tell all members, or some, that something has happened", Run: runEvent,
		Long: "The event travels by gossip; members that are away do not hear of it. Watches of the type event run their handlers for it, with the " +
			"payload. Name, payload and filters have 1 KiB together.\n\n" +
			"    holdfast event -name=deploy 1.4.2\n    holdfast event -name=deploy -service=web -tag=canary 1.4.2",
	}
}

func runEvent(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	name := fs.String("name", "", "`name` of the event")
	q := url.Values{}
	for _, f := range []struct{ name, usage string }{
		{"node", "only for nodes whose name this regular `expression` matches"},
		{"service", "only for nodes with a service that this regular `expression` matches"},
		{"tag", "only for nodes with such a service and a tag that this regular `expression` matches"},
	} {
		fs.Func(f.name, f.usage, func(s string) error {
			if _, err := regexp.Compile(s); err != nil {
				return fmt.Errorf("not a regular expression: %w", err)
			}
			q.Set(f.name, s)
			return nil
		})
	}
	var format verb.FormatFlag
	format.Register(fs)
	cl, err := verb.Connect(c, fs, args, 0, 1, "one payload, or none")
	if err != nil {
		return err
	}
	switch {
	case *name == "":
		return verb.UsageError("want -name")
	case q.Get("tag") != "" && q.Get("service") == "":
		return verb.UsageError("want -service with -tag")
	}
	at := "/v1/event/fire/" + url.PathEscape(*name)
	b, err := cl.Raw(ctx, http.MethodPut, at, q, strings.NewReader(fs.Arg(0)))
	if err != nil {
		return err
	}
	var fired struct{ ID string }
	return cl.Render(c, format, at, b, &fired, func() error {
		_, err := fmt.Fprintf(c.Out, "Event ID: %s\n", fired.ID)
		return err
	})
}
