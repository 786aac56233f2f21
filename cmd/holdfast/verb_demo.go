package main

import "context"

func runDemo(context.Context, *console, []string) error { return nil }

func hiddenVerb(string) func(context.Context, *console, []string) error { return nil }
