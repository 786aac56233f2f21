package agent

import (
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// databaseJSON is the MySQL or the Postgres object of a check.
type databaseJSON struct {
	Address, User, Password, PasswordFile, Database string
	UseTLS                                          bool
	Role                                            string
	MaxLag                                          exchange.Duration
}

// UnmarshalJSON reads either spelling of the fields.
func (d *databaseJSON) UnmarshalJSON(data []byte) error {
	type plain databaseJSON
	return decodeEitherSpelling(data, (*plain)(d))
}

// check is the domain's form, nil for none.
func (d *databaseJSON) check() *cluster.DatabaseCheck {
	if d == nil {
		return nil
	}
	return &cluster.DatabaseCheck{
		Address: d.Address, User: d.User, Password: d.Password, PasswordFile: d.PasswordFile, Database: d.Database, UseTLS: d.UseTLS,
		Role: d.Role, MaxLag: time.Duration(d.MaxLag),
	}
}
