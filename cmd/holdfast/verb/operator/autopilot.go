package operator

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"holdfast/cmd/holdfast/verb"
)

func autopilotVerb() verb.Verb {
	return verb.Verb{
		Name: "operator autopilot", Args: "get-config|set-config|state", Short: "how the leader looks after the servers",
		Subs: []verb.Verb{
			{Name: "operator autopilot get-config", Short: "print the configuration", Run: runGetConfig, Examples: []string{"operator autopilot get-config"}},
			{Name: "operator autopilot set-config", Short: "change the configuration; what is not named stays", Run: runSetConfig, Examples: []string{"operator autopilot set-config -cleanup-dead-servers=false"}},
			{Name: "operator autopilot state", Short: "print how every server is, as the leader sees it", Run: runAutopilotState, Examples: []string{"operator autopilot state"}},
		},
	}
}

// autopilotConfig is /v1/operator/autopilot/configuration.
type autopilotConfig struct {
	CleanupDeadServers      bool
	LastContactThreshold    string
	MaxTrailingLogs         uint64
	MinQuorum               uint64
	ServerStabilizationTime string
	RedundancyZoneTag       string
	DisableUpgradeMigration bool
	UpgradeVersionTag       string
	CreateIndex             uint64
	ModifyIndex             uint64
}

const autopilotPath = "/v1/operator/autopilot/configuration"

func runGetConfig(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	cl, err := verb.Connect(c, fs, args, 0, 0, "no arguments")
	if err != nil {
		return err
	}
	var a autopilotConfig
	if err := cl.Do(ctx, http.MethodGet, autopilotPath, nil, nil, &a); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "CleanupDeadServers = %v\nLastContactThreshold = %v\nMaxTrailingLogs = %v\nMinQuorum = %v\nServerStabilizationTime = %v\n"+
		"RedundancyZoneTag = %q\nDisableUpgradeMigration = %v\nUpgradeVersionTag = %q\n",
		a.CleanupDeadServers, a.LastContactThreshold, a.MaxTrailingLogs, a.MinQuorum, a.ServerStabilizationTime, a.RedundancyZoneTag, a.DisableUpgradeMigration, a.UpgradeVersionTag)
	return err
}

func runSetConfig(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var changes []func(*autopilotConfig)
	changeFlags(fs, &changes)
	cl, err := verb.Connect(c, fs, args, 0, 0, "no arguments")
	if err != nil {
		return err
	}
	var a autopilotConfig
	if err := cl.Do(ctx, http.MethodGet, autopilotPath, nil, nil, &a); err != nil {
		return err
	}
	for _, change := range changes {
		change(&a)
	}
	var done bool
	if err := cl.Do(ctx, http.MethodPut, autopilotPath, url.Values{"cas": {strconv.FormatUint(a.ModifyIndex, 10)}}, a, &done); err != nil {
		return err
	}
	if !done {
		return errors.New("somebody else changed the configuration at the same time: try again")
	}
	_, err = fmt.Fprintln(c.Out, "Configuration updated!")
	return err
}

// changeFlags registers a flag for each field; one that is given adds a change.
func changeFlags(fs *flag.FlagSet, changes *[]func(*autopilotConfig)) {
	add := func(change func(*autopilotConfig)) { *changes = append(*changes, change) }
	boolean := func(name, usage string, set func(*autopilotConfig, bool)) {
		fs.BoolFunc(name, usage, func(s string) error {
			v, err := strconv.ParseBool(s)
			add(func(a *autopilotConfig) { set(a, v) })
			return err
		})
	}
	number := func(name, usage string, set func(*autopilotConfig, uint64)) {
		fs.Func(name, usage, func(s string) error {
			v, err := strconv.ParseUint(s, 10, 64)
			if err != nil {
				return errors.New("want a number")
			}
			add(func(a *autopilotConfig) { set(a, v) })
			return nil
		})
	}
	text := func(name, usage string, valid func(string) error, set func(*autopilotConfig, string)) {
		fs.Func(name, usage, func(s string) error {
			add(func(a *autopilotConfig) { set(a, s) })
			return valid(s)
		})
	}
	anything := func(string) error { return nil }
	boolean("cleanup-dead-servers", "take dead servers out of the peer set: `true` or false", func(a *autopilotConfig, v bool) { a.CleanupDeadServers = v })
	text("last-contact-threshold", "a server that heard from the leader this `duration` ago is not healthy", duration, func(a *autopilotConfig, v string) { a.LastContactThreshold = v })
	number("max-trailing-logs", "nor is one whose log is this `number` of entries behind", func(a *autopilotConfig, v uint64) { a.MaxTrailingLogs = v })
	number("min-quorum", "the `number` of voters that the clean-up leaves; it never leaves fewer than 3", func(a *autopilotConfig, v uint64) { a.MinQuorum = v })
	text("server-stabilization-time", "a new server votes once it has been healthy for this `duration`", duration, func(a *autopilotConfig, v string) { a.ServerStabilizationTime = v })
	boolean("disable-upgrade-migration", "", func(a *autopilotConfig, v bool) { a.DisableUpgradeMigration = v })
	text("redundancy-zone-tag", "", anything, func(a *autopilotConfig, v string) { a.RedundancyZoneTag = v })
	text("upgrade-version-tag", "", anything, func(a *autopilotConfig, v string) { a.UpgradeVersionTag = v })
}

func duration(s string) error {
	if _, err := time.ParseDuration(s); err != nil {
		return errors.New("want a duration such as 10s")
	}
	return nil
}

// autopilotState is /v1/operator/autopilot/state.
type autopilotState struct {
	Healthy                    bool
	FailureTolerance           int
	OptimisticFailureTolerance int
	Servers                    map[string]autopilotServer
	Leader                     string
	Voters                     []string
}

type autopilotServer struct {
	Name, Address, Version, Status, NodeType, NodeStatus, LastContact string
	Healthy                                                           bool
	LastTerm, LastIndex                                               uint64
	Meta                                                              map[string]string
}

func runAutopilotState(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/operator/autopilot/state", verb.Stale(), verb.WantArgs(fs, 0, 0, "no arguments")
	}, func(c *verb.Console, s autopilotState) error { return s.print(c.Out) })
}

func (s *autopilotState) print(w io.Writer) error {
	fmt.Fprintf(w, "Healthy:                      %v\nFailure Tolerance:            %d\nOptimistic Failure Tolerance: %d\nLeader:                       %s\nVoters:\n",
		s.Healthy, s.FailureTolerance, s.OptimisticFailureTolerance, s.Leader)
	for _, id := range s.Voters {
		fmt.Fprintf(w, "   %s\n", id)
	}
	fmt.Fprintln(w, "Servers:")
	for _, id := range slices.Sorted(maps.Keys(s.Servers)) {
		x := s.Servers[id]
		fmt.Fprintf(w, "   %s\n      Name:            %s\n      Address:         %s\n      Version:         %s\n      Status:          %s\n      Node Type:       %s\n"+
			"      Node Status:     %s\n      Healthy:         %v\n      Last Contact:    %s\n      Last Term:       %d\n      Last Index:      %d\n",
			id, x.Name, x.Address, x.Version, x.Status, x.NodeType, x.NodeStatus, x.Healthy, x.LastContact, x.LastTerm, x.LastIndex)
		if len(x.Meta) > 0 {
			fmt.Fprintln(w, "      Meta:")
		}
		for _, k := range slices.Sorted(maps.Keys(x.Meta)) {
			fmt.Fprintf(w, "         %q: %q\n", k, x.Meta[k])
		}
	}
	return nil
}
