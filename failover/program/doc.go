// Package program runs the programs that people hang on to what happens: hooks, handlers, commands, checks. Each has a time in which it is to end.
// Then it is killed, with all that it has started in its process group. It may leave a daemon behind that keeps its output open: nobody waits for that one.
// Of what it prints the end is kept, since that is where programs say why they fail.
package program
