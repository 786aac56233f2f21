// Package rootless gives a program that is not root what it needs to make network namespaces: it runs again as root of a user namespace. Where the
// kernel refuses that, it names the setting that does.
package rootless
