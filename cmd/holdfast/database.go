package main

import (
	"context"
	"time"

	"holdfast/failover"
	"holdfast/failover/database"
	"holdfast/failover/upstream"
)

// databaseGrace is how long a daemon that was started again has to find out that it goes on to hold a group.
const databaseGrace = 5 * time.Second

// startDatabases keeps the databases of this machine in their roles. A new primary waits until no proxy believes in the one of before.
func (d *daemon) startDatabases(ctx context.Context) map[string]failover.Role {
	roles := map[string]failover.Role{}
	for _, db := range d.cfg.Databases {
		o := db.Options
		o.Settle = upstream.Settled(d.cfg.LeaseTTL)
		k := database.New(o, d.log.With("group", db.Group))
		roles[db.Group] = k
		d.loops.Go(func() { k.Run(ctx, databaseGrace) })
	}
	return roles
}
