// Package echo is a machine's small service, and the questions that a lab's probe asks it: a UDP datagram that is answered with who answers, and
// when, on the clock that all machines of a lab share. It also has what a program needs to answer (or ask) in time on a busy computer.
package echo
