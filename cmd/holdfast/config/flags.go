package config

import (
	"flag"
	"strconv"
	"strings"
	"time"
)

// Flags are the flags of `holdfast agent`. They are Consul's; what they say counts over the files.
type Flags struct {
	Dev    bool
	Files  []string // of -config-file and -config-dir, in their order
	Format string
	over   File
	hcl    []string
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
	f.registerLog(fs)
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
	stringVar(fs, &o.DataDir, "data-dir", "`directory` for everything that outlives the process")
	boolVar(fs, &o.EnableScriptChecks, "enable-script-checks", "allow checks that run programs, from files and from the API")
	boolVar(fs, &o.EnableLocalScriptChecks, "enable-local-script-checks", "allow checks that run programs, from files only")
	fs.Func("node-meta", "`key:value` of the node's metadata (repeatable)", func(s string) error {
		k, v, _ := strings.Cut(s, ":")
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
	stringVar(fs, &o.Encrypt, "encrypt", "gossip `key`, as keygen prints it")
	list(fs, &o.StartJoin, "join", "`address` of a member to join at the start (repeatable)")
	list(fs, &o.RetryJoin, "retry-join", "`address` of a member to join, tried until it answers (repeatable)")
	fs.Func("retry-interval", "`time` between two tries to join", func(s string) error {
		d, err := time.ParseDuration(s)
		o.RetryInterval = &d
		return err
	})
	intVar(fs, &o.RetryMax, "retry-max", "`number` of tries to join, 0 for no end")
	for name, field := range map[string]func(*Ports) **int{
		"http": func(p *Ports) **int { return &p.HTTP }, "dns": func(p *Ports) **int { return &p.DNS },
		"serf-lan": func(p *Ports) **int { return &p.SerfLAN }, "server": func(p *Ports) **int { return &p.Server },
		"https": func(p *Ports) **int { return &p.HTTPS }, "grpc": func(p *Ports) **int { return &p.GRPC },
		"grpc-tls": func(p *Ports) **int { return &p.GRPCTLS }, "serf-wan": func(p *Ports) **int { return &p.SerfWAN },
	} {
		fs.Func(name+"-port", "`port` for "+name+"; -1 switches it off", func(s string) error {
			n, err := strconv.Atoi(s)
			*field(ports()) = &n
			return err
		})
	}
}

func (f *Flags) registerLog(fs *flag.FlagSet) {
	o := &f.over
	stringVar(fs, &o.LogLevel, "log-level", "trace, debug, info, warn or error")
	stringVar(fs, &o.LogFile, "log-file", "`file` for the log, beside standard error")
	boolVar(fs, &o.LogJSON, "log-json", "log in JSON")
	stringVar(fs, &o.PIDFile, "pid-file", "`file` for the process ID")
	ignored := func(string) error { return nil }
	fs.BoolFunc("ui", "accepted for Consul's sake: there is no web interface yet", ignored)
	fs.BoolFunc("rejoin", "accepted for Consul's sake: a member that comes back is always let in again", ignored)
	fs.BoolFunc("disable-host-node-id", "accepted for Consul's sake: node IDs never come from the host", ignored)
	fs.Func("raft-protocol", "accepted for Consul's sake", ignored)
}

// Load reads the files, then the pieces of -hcl, then the flags, and builds the Config. The warnings are sentences.
func (f *Flags) Load() (*Config, []string, error) {
	all, warnings, err := Load(f.Files, f.Format)
	if err != nil {
		return nil, nil, err
	}
	for _, text := range f.hcl {
		piece, warn, err := Parse("given with -hcl", []byte(text), "hcl")
		if err != nil {
			return nil, nil, err
		}
		warnings = append(warnings, warn...)
		Merge(all, piece)
	}
	Merge(all, &f.over)
	if f.Dev {
		devDefaults(all)
	}
	c, err := Build(all)
	if err != nil {
		return nil, nil, err
	}
	c.Dev = f.Dev
	return c, warnings, nil
}

// devDefaults make one server of its own on loopback.
func devDefaults(f *File) {
	yes, one, loopback := true, 1, "127.0.0.1"
	f.Server, f.BootstrapExpect = &yes, &one
	if f.BindAddr == nil {
		f.BindAddr = &loopback
	}
}

func stringVar(fs *flag.FlagSet, p **string, name, usage string) {
	fs.Func(name, usage, func(s string) error { *p = &s; return nil })
}

func intVar(fs *flag.FlagSet, p **int, name, usage string) {
	fs.Func(name, usage, func(s string) error {
		n, err := strconv.Atoi(s)
		*p = &n
		return err
	})
}

func boolVar(fs *flag.FlagSet, p **bool, name, usage string) {
	fs.BoolFunc(name, usage, func(s string) error {
		b, err := strconv.ParseBool(s)
		*p = &b
		return err
	})
}

func list(fs *flag.FlagSet, p *[]string, name, usage string) {
	fs.Func(name, usage, func(s string) error { *p = append(*p, s); return nil })
}
