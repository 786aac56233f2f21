// Package database gives a MySQL or MariaDB server the role of a primary or of a replica, and keeps it there.
//
// A server is a primary from Keeper.Begin to Keeper.End, and a replica at all other times. A replica is read-only: super_read_only where the
// server has it; on MariaDB, read_only, and connections that were made before are killed, for their transactions might have begun. What a
// replica is not yet, it becomes within Options.Every: a server that is started again does not stay writable because its config says so.
//
// Begin waits for Options.Settle, so that whoever still believes in the primary of before has had to let go, then lets the server apply all that it
// has received, and makes it writable. A replica replicates from Options.From, an address that moves with the primary: it needs no word on who
// that is.
package database
