//go:build !linux

package plain

import (
	"errors"
	"net"
)

// hangUps is Linux's: elsewhere net/http serves all requests.
type hangUps struct{}

func openHangUps() (*hangUps, error) { return nil, errors.ErrUnsupported }

func (*hangUps) add(net.Conn, func()) uint64 { return 0 }
func (*hangUps) remove(uint64)               {}
func (*hangUps) run()                        {}
func (*hangUps) close()                      {}
