package main

func (d *daemon) listenHTTP() error { return nil }
func (d *daemon) serveHTTP()        {}
