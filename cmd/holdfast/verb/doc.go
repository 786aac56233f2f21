// Package verb is what the verbs of the command line are made of: how one is found, taught and run, its flags, the client of an agent's HTTP
// API, and tables.
//
// A Verb is a row of the table that Run is given: its names, its help, and a function that gets a Console, which is all that it may read and
// print. Families of verbs are the packages below this one. A mistake on the command line is a UsageError, which is followed by the verb's
// usage line; every other error is one sentence. Both end the program with code 1; Exit and Failure end it with another.
package verb
