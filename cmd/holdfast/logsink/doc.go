// Package logsink is where the lines of a log go beside standard error: a [File] that begins anew by size and by age, and [Syslog].
//
// Neither ever holds up who logs, or ends because of what it writes to: a file that cannot be rotated is written on, and a syslog that is not
// there misses the lines of that time. It is said where the owner wants to hear it.
package logsink
