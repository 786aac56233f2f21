// Package render keeps files as templates say: written in consul-template's language (package language), filled from the state that this
// machine holds, and followed by a command.
//
// A Renderer runs one template. It reads through Data, which answers once what the template read the last time may have changed: nothing is
// polled, and a change elsewhere wakes nobody. What comes of a change, in this order:
//
//  1. wait: more changes are waited for, until it has been quiet for Wait.Min, for Wait.Max at most.
//  2. The text is compared with the file. If they are the same nothing else happens.
//  3. It is written beside the file, with its owner and mode, and synced to disk; validate runs on it. A text that is refused goes no further: the
//     old file stays, and State says why.
//  4. It takes the file's place in one step.
//  5. The command runs, once.
//
// Nothing is written before Data has answered for the first time, which it does when the member has caught up with its cluster; and nothing
// while a key that the template needs is missing. State says what is waited for.
package render
