// Command prometheus runs Prometheus' discovery of Consul's services against the agent that its argument names, until it is killed. Each time that
// the targets of a service change it prints a line: the service's name and the addresses, in order.
//
// It is a module of its own: Prometheus brings a later release of the client that package compat holds to one.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	config := consul.DefaultSDConfig
	config.Server = os.Args[1]
	config.RefreshInterval = model.Duration(1e6) // its default of 30 s is a pause after each answer
	registry := client.NewRegistry()
	metrics := config.NewDiscovererMetrics(registry, discovery.NewRefreshMetrics(registry))
	if err := metrics.Register(); err != nil {
		return err
	}
	d, err := config.NewDiscoverer(discovery.DiscovererOptions{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Metrics: metrics})
	if err != nil {
		return err
	}
	groups := make(chan []*targetgroup.Group)
	go d.Run(context.Background(), groups)
	for all := range groups {
		for _, g := range all {
			var addrs []string
			for _, t := range g.Targets {
				addrs = append(addrs, string(t[model.AddressLabel]))
			}
			slices.Sort(addrs)
			fmt.Fprintln(os.Stdout, g.Source, strings.Join(addrs, " "))
		}
	}
	return nil
}
