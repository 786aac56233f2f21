package main

import (
	"context"

	"holdfast/failover/render"
)

// templateData is where templates read: the state of this member.
func (d *daemon) templateData(string) render.Data {
	return render.NewState(d.agent, d.cfg.NodeName, d.cfg.Datacenter)
}

// startTemplates renders the templates of the config until the daemon begins to stop.
func (d *daemon) startTemplates() error {
	if err := d.templates.Set(d.cfg.Templates); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(d.ctx)
	d.endTemplates = cancel
	d.loops.Go(func() { d.templates.Run(ctx) })
	return nil
}
