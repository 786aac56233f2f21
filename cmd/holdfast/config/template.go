package config

import (
	"holdfast/cmd/holdfast/config/template"
	"holdfast/failover/render"
)

func buildTemplates(c *Config, f *File) (err error) {
	if c.Templates, err = template.Build(f.Template); err != nil {
		return err
	}
	_, err = render.Parse(c.Templates)
	return err
}
