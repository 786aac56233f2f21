package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"holdfast/failover/render"
)

// TemplateFile is a config file of consul-template, as far as `holdfast template` takes it.
type TemplateFile struct {
	Template    []Template    `mapstructure:"template"`
	Exec        TemplateExec  `mapstructure:"exec"`
	Wait        *any          `mapstructure:"wait"`
	Deduplicate TemplateDedup `mapstructure:"deduplicate"`
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

	Consul TemplateConsul `mapstructure:"consul"`
}

// TemplateDedup says that one of many renderers reads for all.
type TemplateDedup struct {
	Enabled   *bool          `mapstructure:"enabled"`
	Prefix    string         `mapstructure:"prefix"`
	TTL       *time.Duration `mapstructure:"ttl"`
	MaxStale  *any           `mapstructure:"max_stale"`
	BlockWait *any           `mapstructure:"block_query_wait"`
}

// TemplateConsul says how to reach the agent.
type TemplateConsul struct {
	Address   string `mapstructure:"address"`
	Token     string `mapstructure:"token"`
	TokenFile string `mapstructure:"token_file"`
	Auth      struct {
		Enabled  *bool  `mapstructure:"enabled"`
		Username string `mapstructure:"username"`
		Password string `mapstructure:"password"`
	} `mapstructure:"auth"`
	Retry TemplateRetry `mapstructure:"retry"`
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

// TemplateRetry says how often an agent is asked again that does not answer.
type TemplateRetry struct {
	Enabled    *bool          `mapstructure:"enabled"`
	Attempts   *int           `mapstructure:"attempts"`
	Backoff    *time.Duration `mapstructure:"backoff"`
	MaxBackoff *time.Duration `mapstructure:"max_backoff"`
}

// passedOver are the keys of consul-template's files that are read and have no effect.
var passedOver = []string{"vault", "nomad", "syslog", "log_file", "consul.transport", "consul.namespace"}

// LoadTemplateFiles reads config files of consul-template, and the .hcl and .json files of directories, in order; what a later one says counts. The
// warnings name the keys that are passed over.
func LoadTemplateFiles(paths []string) (*TemplateFile, []string, error) {
	files, err := expand(paths, false)
	if err != nil {
		return nil, nil, err
	}
	var all TemplateFile
	var warnings []string
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot read config file %s: %w", name, unwrapPath(err))
		}
		format := "hcl"
		if strings.HasSuffix(name, ".json") {
			format = "json"
		}
		had := all.Template
		all.Template = nil
		unused, err := decodeTemplateFile(b, format, &all)
		if err != nil {
			return nil, nil, fmt.Errorf("config file %s: %w", name, err)
		}
		all.Template = append(had, all.Template...)
		for _, k := range unused {
			if !slices.ContainsFunc(passedOver, func(p string) bool { return k == p || strings.HasPrefix(k, p+".") }) {
				return nil, nil, fmt.Errorf("config file %s: unknown key %q; remove it or correct its spelling", name, k)
			}
			warnings = append(warnings, fmt.Sprintf("config file %s: the key %q has no effect here", name, k))
		}
	}
	return &all, warnings, nil
}

func decodeTemplateFile(b []byte, format string, out *TemplateFile) (unused []string, err error) {
	raw, err := decodeText(b, format)
	if err != nil {
		return nil, err
	}
	var md mapstructure.Metadata
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: out, Metadata: &md, WeaklyTypedInput: true, DecodeHook: mapstructure.ComposeDecodeHookFunc(mergeBlocks, textDuration),
	})
	if err != nil {
		return nil, err
	}
	if err := d.Decode(raw); err != nil {
		return nil, fmt.Errorf("%s", oneLine(err))
	}
	slices.Sort(md.Unused)
	return md.Unused, nil
}

// DefaultWait is the wait of templates that have none of their own.
func (f *TemplateFile) DefaultWait() (render.Wait, error) { return templateWait(or(f.Wait, nil)) }

// Override has what another file says count before what this one says.
func (f *TemplateFile) Override(by *TemplateFile) {
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
func (k *TemplateConsul) SetAuth(s string) error {
	user, password, _ := strings.Cut(s, ":")
	if user == "" {
		return errors.New("want user:password")
	}
	k.Auth.Username, k.Auth.Password = user, password
	return nil
}
