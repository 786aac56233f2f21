// Package agent is the verbs about one agent: what it says of itself, what is registered with it, its log, and a bundle of all that for those
// who look for a fault.
package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"holdfast/cmd/holdfast/verb"
)

// Verbs is what can be asked of an agent, and done with it.
func Verbs() []verb.Verb {
	return []verb.Verb{infoVerb(), reloadVerb(), servicesVerb(), maintVerb(), monitorVerb(), debugVerb()}
}

func infoVerb() verb.Verb {
	return verb.Verb{
		Name: "info", Short: "print what the agent counts about its parts", Run: runInfo,
		Long: "Consensus, gossip and the runtime, each in a section of its own. /v1/agent/metrics has the rest.\n\n    holdfast info\n    holdfast info -format=json",
	}
}

func runInfo(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var format verb.FormatFlag
	format.Register(fs)
	cl, err := verb.Connect(c, fs, args, 0, 0, "no arguments")
	if err != nil {
		return err
	}
	var self struct{ Stats map[string]map[string]string }
	if err := cl.Do(ctx, http.MethodGet, "/v1/agent/self", nil, nil, &self); err != nil {
		return err
	}
	if format.JSON {
		b, err := json.Marshal(self.Stats)
		if err != nil {
			return err
		}
		return verb.PrintJSON(c.Out, b)
	}
	for _, section := range slices.Sorted(maps.Keys(self.Stats)) {
		fmt.Fprintf(c.Out, "%s:\n", section)
		for _, key := range slices.Sorted(maps.Keys(self.Stats[section])) {
			fmt.Fprintf(c.Out, "\t%s = %s\n", key, self.Stats[section][key])
		}
	}
	return nil
}

func reloadVerb() verb.Verb {
	return verb.Verb{
		Name: "reload", Short: "make the agent read its config files again", Run: runReload, Examples: []string{"reload"},
		Long: "It says what is wrong with them, and then nothing has changed. What is the same as before goes on undisturbed. SIGHUP does the same.",
	}
}

func runReload(ctx context.Context, c *verb.Console, args []string) error {
	cl, err := verb.Connect(c, c.Flags(), args, 0, 0, "no arguments")
	if err != nil {
		return err
	}
	if err := cl.Do(ctx, http.MethodPut, "/v1/agent/reload", nil, nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Out, "Configuration reload triggered")
	return err
}
