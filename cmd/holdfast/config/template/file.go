package template

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"holdfast/cmd/holdfast/config/source"
	"holdfast/failover/render"
)

// File is a config file of consul-template, as far as `holdfast template` takes it.
type File struct {
	Template    []Block `mapstructure:"template"`
	Exec        Exec    `mapstructure:"exec"`
	Wait        *any    `mapstructure:"wait"`
	Deduplicate Dedup   `mapstructure:"deduplicate"`
	Delimiters  struct {
		Left  string `mapstructure:"left"`
		Right string `mapstructure:"right"`
	} `mapstructure:"default_delimiters"`
	Once      bool `mapstructure:"once"`
	ParseOnly bool `mapstructure:"parse_only"`

	ErrorFatal  *bool `mapstructure:"template_error_fatal"`
	MissingFail bool  `mapstructure:"err_on_failed_lookup"`

	LogLevel     string  `mapstructure:"log_level"`
	PidFile      string  `mapstructure:"pid_file"`
	ReloadSignal *string `mapstructure:"reload_signal"`
	KillSignal   *string `mapstructure:"kill_signal"`

	MaxStale  *any `mapstructure:"max_stale"`        // an agent answers from its own state anyway
	BlockWait *any `mapstructure:"block_query_wait"` // whatever it is, what changes is heard at once

	Consul Consul `mapstructure:"consul"`
}

// Dedup says that one of many renderers reads for all.
type Dedup struct {
	Enabled   *bool          `mapstructure:"enabled"`
	Prefix    string         `mapstructure:"prefix"`
	TTL       *time.Duration `mapstructure:"ttl"`
	MaxStale  *any           `mapstructure:"max_stale"`
	BlockWait *any           `mapstructure:"block_query_wait"`
}

// Consul says how to reach the agent.
type Consul struct {
	Address   string `mapstructure:"address"`
	Token     string `mapstructure:"token"`
	TokenFile string `mapstructure:"token_file"`
	Auth      struct {
		Enabled  *bool  `mapstructure:"enabled"`
		Username string `mapstructure:"username"`
		Password string `mapstructure:"password"`
	} `mapstructure:"auth"`
	Retry Retry `mapstructure:"retry"`
	SSL   struct {
		Enabled    *bool  `mapstructure:"enabled"`
		Verify     *bool  `mapstructure:"verify"`
		Cert       string `mapstructure:"cert"`
		Key        string `mapstructure:"key"`
		CACert     string `mapstructure:"ca_cert"`
		CAPath     string `mapstructure:"ca_path"`
		ServerName string `mapstructure:"server_name"`
	} `mapstructure:"ssl"`
}

// Retry says how often an agent is asked again that does not answer.
type Retry struct {
	Enabled    *bool          `mapstructure:"enabled"`
	Attempts   *int           `mapstructure:"attempts"`
	Backoff    *time.Duration `mapstructure:"backoff"`
	MaxBackoff *time.Duration `mapstructure:"max_backoff"`
}

// passedOver are the keys of consul-template's files that are read and have no effect.
var passedOver = []string{"vault", "nomad", "syslog", "log_file", "consul.transport", "consul.namespace"}

// Load reads config files of consul-template, and the .hcl and .json files of directories, in order; what a later one says counts. The
// warnings name the keys that are passed over.
func Load(paths []string) (*File, []string, error) {
	names, err := source.Files(paths, false)
	if err != nil {
		return nil, nil, err
	}
	var all File
	var warnings []string
	for _, name := range names {
		warn, err := all.add(name)
		if err != nil {
			return nil, nil, err
		}
		warnings = append(warnings, warn...)
	}
	return &all, warnings, nil
}

// add puts what one file says over what is there.
func (f *File) add(name string) (warnings []string, err error) {
	b, err := source.Read(name)
	if err != nil {
		return nil, err
	}
	format := "hcl"
	if source.Format(name) == "json" {
		format = "json"
	}
	had := f.Template
	f.Template = nil
	_, unused, err := source.Decode(b, format, f, nil)
	if err != nil {
		return nil, fmt.Errorf("config file %s: %w", name, err)
	}
	f.Template = append(had, f.Template...)
	for _, k := range unused {
		if !slices.ContainsFunc(passedOver, func(p string) bool { return k == p || strings.HasPrefix(k, p+".") }) {
			return nil, fmt.Errorf("config file %s: unknown key %q; remove it or correct its spelling", name, k)
		}
		warnings = append(warnings, fmt.Sprintf("config file %s: the key %q has no effect here", name, k))
	}
	return warnings, nil
}

// DefaultWait is the wait of templates that have none of their own.
func (f *File) DefaultWait() (render.Wait, error) { return wait(source.Or(f.Wait, nil)) }

// Override has what another file says count before what this one says.
func (f *File) Override(by *File) {
	override(reflect.ValueOf(f).Elem(), reflect.ValueOf(by).Elem())
}

func override(to, by reflect.Value) {
	if to.Kind() != reflect.Struct {
		if !by.IsZero() {
			to.Set(by)
		}
		return
	}
	for i := range to.NumField() {
		override(to.Field(i), by.Field(i))
	}
}

// SetAuth takes "user:password".
func (k *Consul) SetAuth(s string) error {
	user, password, _ := strings.Cut(s, ":")
	if user == "" {
		return errors.New("want user:password")
	}
	k.Auth.Username, k.Auth.Password = user, password
	return nil
}
