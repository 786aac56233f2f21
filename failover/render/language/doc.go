// Package language executes templates that were written for consul-template: Go's text/template with the functions that its public
// documentation lists, against a Source of keys and instances. A template gives the text that consul-template gives, with these differences:
//
//   - Data is there from the first pass on. What is missing (a key, a tree that must not be empty) is named in Result.Missing, and the text
//     must not be used then. consul-template runs a template several times, at first without any data.
//   - Functions of Vault, Nomad, the mesh, peerings and partitions, and plugins are refused with a sentence.
//   - A template is bounded: a megabyte of source, 16 MB of text, a million turns of its loops, 256 MB of intermediate values, templates
//     within templates a thousand deep, ten seconds. Beyond them Execute answers a sentence; it never runs for ever and never panics.
//
// The package does nothing to this machine: files that a template writes (writeToFile) are handed over in Result.Files.
package language
