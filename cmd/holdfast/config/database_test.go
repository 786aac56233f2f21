package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/failover/database"
)

func TestDatabases(t *testing.T) {
	c, err := Build(parse(t, "a.hcl", `bind_addr = "127.0.0.1"
database "db" {
  address = "/run/mysqld/mysqld.sock"
  user = "holdfast"
  password_file = "/etc/holdfast/mysql"
  replicate_from = "10.0.0.100:3306"
  replication_user = "replica"
  replication_password = "x"
}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []KeptDatabase{{"db", database.Options{
		Address: "/run/mysqld/mysqld.sock", User: "holdfast", PasswordFile: "/etc/holdfast/mysql", From: "10.0.0.100:3306", ReplicationUser: "replica", ReplicationPassword: "x",
	}}}
	if d := cmp.Diff(want, c.Databases); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]string{
		`user = "u"`:                 `database "db" has no address`,
		`address = "db"  user = "u"`: `database "db": address "db" is neither`,
		`address = "10.0.0.1:1"`:     `database "db" has no user`,
		`address = "10.0.0.1:1"  user = "u"  password = "a"  password_file = "b"`: `database "db" has a password and a file`,
		`address = "10.0.0.1:1"  user = "u"  replicate_from = "primary"`:          `database "db": replicate_from "primary" is not`,
		`address = "10.0.0.1:1"  user = "u"  replicate_from = "10.0.0.100:3306"`:  `database "db" has replicate_from and no`,
	} {
		if _, err := Build(parse(t, "a.hcl", `bind_addr = "127.0.0.1" database "db" { `+text+` }`)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
