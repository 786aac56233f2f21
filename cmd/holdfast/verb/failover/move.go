package failover

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"holdfast/cmd/holdfast/verb"
	"holdfast/httpapi/group"
)

func groupMove(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	in := fs.Duration("in", 0, "move it when this `duration` is over, as 60s; at most 168h")
	cancel := fs.Bool("cancel", false, "call off the move that is planned; without a NODE")
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	switch {
	case *cancel && (fs.NArg() != 1 || *in != 0):
		return verb.UsageError("-cancel wants the name of a group alone" + verb.Given(fs.Args()))
	case !*cancel && fs.NArg() != 2:
		return verb.UsageError("want the name of a group and the name of a machine" + verb.Given(fs.Args()))
	case *in < 0:
		return verb.UsageError(fmt.Sprintf("-in %s lies in the past: want a duration as 60s", *in))
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	path := "/v1/failover/group/" + url.PathEscape(fs.Arg(0)) + "/move"
	switch {
	case *cancel:
		return cancelMove(ctx, c, cl, path, fs.Arg(0))
	case *in > 0:
		return planMove(ctx, c, cl, path, url.Values{"to": {fs.Arg(1)}, "in": {in.String()}})
	}
	var a group.Assignment
	if err := cl.Do(ctx, http.MethodPut, path, url.Values{"to": {fs.Arg(1)}}, nil, &a); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "group %s is assigned to %s, epoch %d\n", a.Group, a.Node, a.Epoch)
	return nil
}

func planMove(ctx context.Context, c *verb.Console, cl *verb.Client, path string, query url.Values) error {
	var p group.PlannedMove
	if err := cl.Do(ctx, http.MethodPut, path, query, nil, &p); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "group %s is to move to %s at %s\n", p.Group, p.Node, p.At.Local().Format(time.DateTime))
	return nil
}

func cancelMove(ctx context.Context, c *verb.Console, cl *verb.Client, path, name string) error {
	if err := cl.Do(ctx, http.MethodDelete, path, nil, nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "group %s: the planned move is called off\n", name)
	return nil
}

// plannedText is a planned move in words.
func plannedText(p *group.PlannedMove) string {
	return fmt.Sprintf("an operator has it move to %s at %s", p.Node, p.At.Local().Format(time.DateTime))
}
