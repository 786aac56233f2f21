package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"

	"holdfast/failover/render"
)

// TemplateFile is a config file of consul-template, as far as `holdfast template` takes it.
type TemplateFile struct {
	Template []Template `mapstructure:"template"`
	Wait     *any       `mapstructure:"wait"`
	Left     string     `mapstructure:"default_left_delimiter"`
	Right    string     `mapstructure:"default_right_delimiter"`
	Once     bool       `mapstructure:"once"`
	Consul   struct {
		Address string `mapstructure:"address"`
		Token   string `mapstructure:"token"`
	} `mapstructure:"consul"`
}

// LoadTemplateFiles reads config files of consul-template, and the .hcl, .json and .ctmpl-less files of directories, in order. The warnings name the keys
// that are passed over.
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
			if strings.HasPrefix(k, "template") {
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
