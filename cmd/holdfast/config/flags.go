package config

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"holdfast/cmd/holdfast/config/leftout"
)

// Flags are the flags of `holdfast agent`. They are Consul's; what they say counts over the files.
type Flags struct {
	Dev    bool
	Files  []string // of -config-file and -config-dir, in their order
	Format string
	over   File
	hcl    []string

	warnings []string // of the flags
}

// Register declares the flags.
func (f *Flags) Register(fs *flag.FlagSet) {
	paths := func(s string) error { f.Files = append(f.Files, s); return nil }
	fs.Func("config-file", "read this `file` (repeatable)", paths)
	fs.Func("config-dir", "read the .hcl and .json files of this `directory` (repeatable)", paths)
	fs.StringVar(&f.Format, "config-format", "", "`format` of the config files, hcl or json, whatever their names")
	fs.Func("hcl", "a piece of `configuration` in HCL (repeatable)", func(s string) error { f.hcl = append(f.hcl, s); return nil })
	fs.BoolVar(&f.Dev, "dev", false, "one server alone, which keeps nothing")
	f.registerNode(fs)
	f.registerNetwork(fs)
	f.registerHTTP(fs)
	f.registerLog(fs)
	f.registerOthers(fs)
	f.registerRefused(fs)
}

func (f *Flags) registerNode(fs *flag.FlagSet) {
	o := &f.over
	boolVar(fs, &o.Server, "server", "be a server: vote in Raft")
	boolVar(fs, &o.Bootstrap, "bootstrap", "the same as -bootstrap-expect=1")
	intVar(fs, &o.BootstrapExpect, "bootstrap-expect", "make a new cluster once this `number` of servers have met")
	stringVar(fs, &o.NodeName, "node", "`name` of this node; by default the host name")
	stringVar(fs, &o.NodeID, "node-id", "`UUID` of this node; by default one is made and kept in data_dir")
	stringVar(fs, &o.Datacenter, "datacenter", "`name` of the datacenter")
	stringVar(fs, &o.Domain, "domain", "DNS `domain` that is served")
	stringVar(fs, &o.AltDomain, "alt-domain", "a second DNS `domain` with the same content")
	stringVar(fs, &o.DataDir, "data-dir", "`directory` for everything that outlives the process")
	boolVar(fs, &o.AutoReloadConfig, "auto-reload-config", "read the config files again whenever one of them changes")
	intVar(fs, &o.CheckOutputMaxSize, "check_output_max_size", "`bytes` of a check's output that are kept at most")
	boolVar(fs, &o.EnableScriptChecks, "enable-script-checks", "allow checks that run programs, from files and from the API")
	boolVar(fs, &o.EnableLocalScriptChecks, "enable-local-script-checks", "allow checks that run programs, from files only")
	fs.Func("node-meta", "`key:value` of the node's metadata (repeatable)", func(s string) error {
		k, v, ok := strings.Cut(s, ":")
		if !ok {
			return errors.New("want key:value")
		}
		if o.NodeMeta == nil {
			o.NodeMeta = map[string]string{}
		}
		o.NodeMeta[k] = v
		return nil
	})
}

func (f *Flags) registerNetwork(fs *flag.FlagSet) {
	o := &f.over
	ports := func() *Ports {
		if o.Ports == nil {
			o.Ports = &Ports{}
		}
		return o.Ports
	}
	stringVar(fs, &o.BindAddr, "bind", "`address` for the traffic between members")
	stringVar(fs, &o.AdvertiseAddr, "advertise", "`address` that the other members are told")
	stringVar(fs, &o.ClientAddr, "client", "`address` for HTTP and DNS")
	list(fs, &o.Recursors, "recursor", "`address` of a DNS server for names outside of the domain (repeatable)")
	stringVar(fs, &o.Encrypt, "encrypt", "gossip `key`, as keygen prints it")
	list(fs, &o.StartJoin, "join", "`address` of a member to join at the start (repeatable)")
	list(fs, &o.RetryJoin, "retry-join", "`address` of a member to join, tried until it answers (repeatable)")
	durationVar(fs, &o.RetryInterval, "retry-interval", "`time` between two tries to join")
	intVar(fs, &o.RetryMax, "retry-max", "`number` of tries to join, 0 for no end")
	stringVar(fs, &o.SerfWAN, "serf-wan-bind", "`address` for the gossip between datacenters; by default that of -bind")
	stringVar(fs, &o.AdvertiseAddrWAN, "advertise-wan", "`address` that the servers of other datacenters are told")
	list(fs, &o.StartJoinWAN, "join-wan", "`address` of a server of another datacenter to join at the start (repeatable)")
	list(fs, &o.RetryJoinWAN, "retry-join-wan", "`address` of a server of another datacenter to join, tried until it answers (repeatable)")
	durationVar(fs, &o.RetryIntervalWAN, "retry-interval-wan", "`time` between two tries to join servers of other datacenters")
	intVar(fs, &o.RetryMaxWAN, "retry-max-wan", "`number` of tries to join them, 0 for no end")
	for name, field := range map[string]func(*Ports) **int{
		"http": func(p *Ports) **int { return &p.HTTP }, "https": func(p *Ports) **int { return &p.HTTPS }, "dns": func(p *Ports) **int { return &p.DNS },
		"serf-lan": func(p *Ports) **int { return &p.SerfLAN }, "serf-wan": func(p *Ports) **int { return &p.SerfWAN }, "server": func(p *Ports) **int { return &p.Server },
	} {
		usage := "`port` for " + name + "; -1 switches it off"
		if name == "serf-lan" || name == "server" {
			usage = "`port` for " + name
		}
		fs.Func(name+"-port", usage, func(s string) error {
			n, err := number(s)
			*field(ports()) = &n
			return err
		})
	}
}

func (f *Flags) registerHTTP(fs *flag.FlagSet) {
	o := &f.over
	durationVar(fs, &o.DefaultQueryTime, "default-query-time", "`time` that a blocking query waits that does not say how long")
	durationVar(fs, &o.MaxQueryTime, "max-query-time", "`time` that a blocking query waits at most")
	fs.Func("allow-write-http-from", "`network` whose clients may write, as 127.0.0.0/8 (repeatable); by default all may", func(s string) error {
		if o.HTTPConfig == nil {
			o.HTTPConfig = &HTTP{}
		}
		o.HTTPConfig.AllowWriteHTTPFrom = append(o.HTTPConfig.AllowWriteHTTPFrom, s)
		return nil
	})
}

func (f *Flags) registerLog(fs *flag.FlagSet) {
	o := &f.over
	stringVar(fs, &o.LogLevel, "log-level", "`level` of the log: trace, debug, info, warn or error")
	stringVar(fs, &o.LogFile, "log-file", "`file` for the log, beside standard error")
	boolVar(fs, &o.LogJSON, "log-json", "log in JSON")
	fs.Func("log-rotate-bytes", "begin a new log file before it has more than this `number` of bytes", func(s string) error {
		n, err := number(s)
		size := int64(n)
		o.LogRotateBytes = &size
		return err
	})
	durationVar(fs, &o.LogRotateDuration, "log-rotate-duration", "begin a new log file after this `time`, 24h by default; 0s means never")
	intVar(fs, &o.LogRotateMaxFiles, "log-rotate-max-files", "`number` of older log files to keep; 0 means all, -1 none")
	boolVar(fs, &o.EnableSyslog, "syslog", "log to syslog, too")
	stringVar(fs, &o.PIDFile, "pid-file", "`file` for the process ID")
}

// otherFlags are Consul's flags of parts that Holdfast leaves out or has not yet, with the config key that says the same. They are
// taken as that key is. Those that end in ? need no value.
var otherFlags = map[string]string{
	"disable-host-node-id?": "disable_host_node_id",
	"disable-keyring-file?": "disable_keyring_file", "grpc-port": "ports.grpc", "grpc-tls-port": "ports.grpc_tls",
	"primary-gateway": "primary_gateways", "protocol": "protocol",
	"raft-protocol": "raft_protocol", "rejoin?": "rejoin_after_leave",
	"segment": "segment", "serf-allowed-cidrs-lan": "serf_allowed_cidrs_lan",
	"serf-allowed-cidrs-wan": "serf_allowed_cidrs_wan", "serf-lan-bind": "serf_lan",
	"ui?": "ui", "ui-content-path": "ui_content_path", "ui-dir": "ui_dir",
}

// registerRefused declares the flags that a config key stands for which cannot be passed over. false asks for nothing.
func (f *Flags) registerRefused(fs *flag.FlagSet) {
	for name, key := range map[string]string{"read-replica": "read_replica", "non-voting-server": "non_voting_server"} {
		fs.BoolFunc(name, "refused: leave -server out for a member that does not vote", func(s string) error {
			if on, err := strconv.ParseBool(s); err == nil && !on {
				return nil
			}
			return errors.New(leftout.Refused[key])
		})
	}
}

// registerOthers declares the flags that do nothing. They have no usage, by which a help may know them.
func (f *Flags) registerOthers(fs *flag.FlagSet) {
	for name, key := range otherFlags {
		name, isBool := strings.CutSuffix(name, "?")
		take := func(s string) error {
			if why := leftout.Keys[key]; why != "" && leftout.Asks(key, s) {
				f.warnings = append(f.warnings, fmt.Sprintf("the flag -%s has no effect: %s", name, why))
			}
			return nil
		}
		if isBool {
			fs.BoolFunc(name, "", take)
		} else {
			fs.Func(name, "", take)
		}
	}
}

// Load reads the files, then the pieces of -hcl, then the flags, and builds the Config. The warnings are sentences.
func (f *Flags) Load() (*Config, []string, error) {
	all, warnings, err := Load(f.Files, f.Format)
	if err != nil {
		return nil, nil, err
	}
	for _, text := range f.hcl {
		piece, warn, err := parseSource("the piece given with -hcl", []byte(text), "hcl")
		if err != nil {
			return nil, nil, err
		}
		warnings = append(warnings, warn...)
		Merge(all, piece)
	}
	Merge(all, &f.over)
	warnings = append(warnings, f.warnings...)
	if f.Dev {
		warnings = append(warnings, devDefaults(all)...)
	}
	c, err := Build(all)
	if err != nil {
		return nil, nil, err
	}
	c.Dev = f.Dev
	return c, append(warnings, c.TLS.Warnings...), nil
}

// devDefaults make one server of its own on loopback, which keeps nothing.
func devDefaults(f *File) (warnings []string) {
	yes, one, loopback := true, 1, "127.0.0.1"
	f.Server, f.Bootstrap, f.BootstrapExpect = &yes, nil, &one
	if f.BindAddr == nil {
		f.BindAddr = &loopback
	}
	if f.EnableDebug == nil {
		f.EnableDebug = &yes
	}
	if f.DataDir != nil {
		warnings = append(warnings, "data_dir has no effect with -dev: nothing is kept")
		f.DataDir = nil
	}
	return warnings
}

func stringVar(fs *flag.FlagSet, p **string, name, usage string) {
	fs.Func(name, usage, func(s string) error { *p = &s; return nil })
}

func intVar(fs *flag.FlagSet, p **int, name, usage string) {
	fs.Func(name, usage, func(s string) error {
		n, err := number(s)
		*p = &n
		return err
	})
}

func durationVar(fs *flag.FlagSet, p **time.Duration, name, usage string) {
	fs.Func(name, usage, func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil {
			return errors.New("want a duration, as 10s")
		}
		*p = &d
		return nil
	})
}

func number(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, errors.New("want a number")
	}
	return n, nil
}

func boolVar(fs *flag.FlagSet, p **bool, name, usage string) {
	fs.BoolFunc(name, usage, func(s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return errors.New("want true or false")
		}
		*p = &b
		return nil
	})
}

func list(fs *flag.FlagSet, p *[]string, name, usage string) {
	fs.Func(name, usage, func(s string) error { *p = append(*p, s); return nil })
}
