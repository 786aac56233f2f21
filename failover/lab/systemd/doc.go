// Package systemd runs a real systemd, the first process of namespaces of its own, with a bus and with the units of a test: so that what speaks
// to systemd over D-Bus is tried against systemd, on a computer that was booted by something else.
//
// It needs root, a kernel with control groups of version 2, and the programs systemd, dbus-daemon, mount and unshare. It knows the units that it is
// given and no other, boots in a fraction of a second, and ends with the process that runs it. Whoever is to speak to it is given
// DBUS_SYSTEM_BUS_ADDRESS.
//
//	s, err := systemd.New(map[string]string{"web.service": "[Service]\nExecStart=/usr/bin/sleep infinity\n"})
//	defer s.Close()
//	err = s.Open() // or lab.Machine.Start with s.Argv()
//	err = s.Await(ctx)
package systemd
