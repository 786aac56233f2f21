package main

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
)

func autopilotVerb() verb {
	return verb{
		name: "operator autopilot", args: "get-config|set-config|state", short: "how the leader looks after the servers",
		subs: []verb{
			{name: "operator autopilot get-config", short: "print the configuration", run: runGetConfig},
			{name: "operator autopilot set-config", short: "change the configuration; what is not named stays", run: runSetConfig},
			{name: "operator autopilot state", short: "print how every server is, as the leader sees it", run: runAutopilotState},
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

func runGetConfig(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "operator autopilot get-config")
	var f clientFlags
	f.register(c, fs)
	stale := fs.Bool("stale", false, "ask this agent alone, for when there is no leader")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := wantArgs(fs, 0, 0, "no arguments"); err != nil {
		return err
	}
	cl, err := f.client(c)
	if err != nil {
		return err
	}
	q := url.Values{}
	if *stale {
		q.Set("stale", "")
	}
	var a autopilotConfig
	if err := cl.do(ctx, http.MethodGet, autopilotPath, q, nil, &a); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "CleanupDeadServers = %v\nLastContactThreshold = %v\nMaxTrailingLogs = %v\nMinQuorum = %v\nServerStabilizationTime = %v\n"+
		"RedundancyZoneTag = %q\nDisableUpgradeMigration = %v\nUpgradeVersionTag = %q\n",
		a.CleanupDeadServers, a.LastContactThreshold, a.MaxTrailingLogs, a.MinQuorum, a.ServerStabilizationTime, a.RedundancyZoneTag, a.DisableUpgradeMigration, a.UpgradeVersionTag)
	return err
}

func runSetConfig(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "operator autopilot set-config")
	var f clientFlags
	f.register(c, fs)
	var changes []func(*autopilotConfig)
	changeFlags(fs, &changes)
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := wantArgs(fs, 0, 0, "no arguments"); err != nil {
		return err
	}
	cl, err := f.client(c)
	if err != nil {
		return err
	}
	var a autopilotConfig
	if err := cl.do(ctx, http.MethodGet, autopilotPath, nil, nil, &a); err != nil {
		return err
	}
	for _, change := range changes {
		change(&a)
	}
	var done bool
	if err := cl.do(ctx, http.MethodPut, autopilotPath, url.Values{"cas": {strconv.FormatUint(a.ModifyIndex, 10)}}, a, &done); err != nil {
		return err
	}
	if !done {
		return errors.New("somebody else changed the configuration at the same time: try again")
	}
	_, err = fmt.Fprintln(c.out, "Configuration updated!")
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

func runAutopilotState(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "operator autopilot state")
	return read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/operator/autopilot/state", nil, wantArgs(fs, 0, 0, "no arguments")
	}, func(c *console, s autopilotState) error { return s.print(c.out) })
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
