// Package completion is the verb that teaches a shell to complete command lines.
//
// A script for each shell is made from the table of verbs, so it needs neither this program nor an agent while somebody types. Verbs and flags are
// completed; for what follows them the shell offers files.
package completion

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

// Verb is the completion verb, for these verbs and itself.
func Verb(all func() []verb.Verb) verb.Verb {
	return verb.Verb{
		Name: "completion", Args: "bash|zsh|fish", Short: "print a script that completes verbs and flags in a shell",
		Run: func(_ context.Context, c *verb.Console, args []string) error { return run(c, all(), args) },
		Long: "It completes holdfast, and consul where a link has that name.\n\n" +
			"    holdfast completion bash >/etc/bash_completion.d/holdfast\n" +
			"    holdfast completion zsh >/usr/local/share/zsh/site-functions/_holdfast\n" +
			"    holdfast completion fish >/etc/fish/completions/holdfast.fish",
	}
}

var shells = map[string]func(io.Writer, []line) error{"bash": bash, "zsh": zsh, "fish": fish}

func run(c *verb.Console, all []verb.Verb, args []string) error {
	fs := c.Flags()
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	script := shells[fs.Arg(0)]
	if fs.NArg() != 1 || script == nil {
		return verb.UsageError("want one shell, bash, zsh or fish" + verb.Given(fs.Args()))
	}
	return script(c.Out, lines(all))
}

// line is what may follow some words: other words, or flags.
type line struct {
	words string // the verb's, "" at the beginning
	next  []choice
	flags []choice
}

// choice is a word with what it does.
type choice struct{ word, text string }

// lines are all verbs, the families before their members.
func lines(all []verb.Verb) []line {
	first := line{}
	var out []line
	for _, v := range all {
		if v.Hidden || v.Absent {
			continue
		}
		first.next = append(first.next, choice{v.Name[strings.LastIndexByte(v.Name, ' ')+1:], v.Short})
		out = append(out, below(v)...)
	}
	return append([]line{first}, out...)
}

func below(v verb.Verb) []line {
	l := line{words: v.Name}
	var out []line
	for _, s := range v.Subs {
		l.next = append(l.next, choice{s.Name[strings.LastIndexByte(s.Name, ' ')+1:], s.Short})
		out = append(out, below(s)...)
	}
	for _, f := range v.FlagNames() {
		l.flags = append(l.flags, choice{"-" + f.Name, f.Text})
	}
	return append([]line{l}, out...)
}

func wordsOf(cs []choice) string {
	out := make([]string, 0, len(cs))
	for _, c := range cs {
		out = append(out, c.word)
	}
	return strings.Join(out, " ")
}

// bash prints a function that finds the verb in what is typed and offers what may follow it.
func bash(w io.Writer, ls []line) error {
	var b strings.Builder
	b.WriteString("# Completion of holdfast for bash.\n_holdfast() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words= next= flags= i=1 w\n" +
		"  while :; do\n    case \"$words\" in\n")
	for _, l := range ls {
		fmt.Fprintf(&b, "    %s) next=%s flags=%s ;;\n", single(l.words), single(wordsOf(l.next)), single(wordsOf(l.flags)))
	}
	b.WriteString("    esac\n    w=${COMP_WORDS[i]}\n    [ $i -lt $COMP_CWORD ] && [[ \" $next \" == *\" $w \"* ]] || break\n    words=${words:+$words }$w\n    i=$((i+1))\n  done\n" +
		"  if [[ $cur == -* ]]; then\n    COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n" +
		"  elif [ -n \"$next\" ] && [ $i -eq $COMP_CWORD ]; then\n    COMPREPLY=($(compgen -W \"$next\" -- \"$cur\"))\n" +
		"  else\n    COMPREPLY=($(compgen -f -- \"$cur\"))\n  fi\n}\n" +
		"complete -o filenames -F _holdfast holdfast consul\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// zsh prints the same for zsh, with what each word does.
func zsh(w io.Writer, ls []line) error {
	var b strings.Builder
	b.WriteString("#compdef holdfast consul\n# Completion of holdfast for zsh.\n_holdfast() {\n  local said= i=2\n  local -a next flags names\n" +
		"  while :; do\n    case \"$said\" in\n")
	for _, l := range ls {
		fmt.Fprintf(&b, "    %s) next=(%s) flags=(%s) ;;\n", single(l.words), described(l.next), described(l.flags))
	}
	b.WriteString("    esac\n    names=(${next%%:*})\n    (( i < CURRENT )) && (( ${names[(Ie)${words[i]}]} )) || break\n    said=${said:+$said }${words[i]}\n    (( i++ ))\n  done\n" +
		"  if [[ ${words[CURRENT]} == -* ]]; then\n    _describe flag flags\n  elif (( i == CURRENT && ${#next} )); then\n    _describe verb next\n  else\n    _files\n  fi\n}\n" +
		"if [ \"$funcstack[1]\" = _holdfast ]; then _holdfast \"$@\"; else compdef _holdfast holdfast consul; fi\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func described(cs []choice) string {
	out := make([]string, 0, len(cs))
	for _, c := range cs {
		out = append(out, single(c.word+":"+strings.ReplaceAll(c.text, ":", "\\:")))
	}
	return strings.Join(out, " ")
}

// fish prints a line for each word, with the condition under which it is offered.
func fish(w io.Writer, ls []line) error {
	var b strings.Builder
	b.WriteString("# Completion of holdfast for fish.\nfunction __holdfast_at\n  set -l said (commandline -opc)[2..-1]\n  set -l want (string split -n ' ' -- $argv[1])\n" +
		"  set -l n (count $want)\n  test (count $said) -ge $n; or return 1\n" +
		"  if test $n -gt 0; and test \"$said[1..$n]\" != \"$want\"; return 1; end\n" +
		"  test \"$argv[2]\" != exactly; or test (count $said) -eq $n\nend\n")
	for _, program := range []string{"holdfast", "consul"} {
		for _, l := range ls {
			for _, c := range l.next {
				fmt.Fprintf(&b, "complete -c %s -f -n \"__holdfast_at %s exactly\" -a %s -d %s\n", program, single(l.words), c.word, single(c.text))
			}
			for _, c := range l.flags {
				fmt.Fprintf(&b, "complete -c %s -n \"__holdfast_at %s\" -o %s -d %s\n", program, single(l.words), strings.TrimPrefix(c.word, "-"), single(c.text))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// single is a text in single quotes, as all three shells read it. Characters that one of them would take for more are left out.
func single(s string) string {
	return "'" + strings.Map(func(r rune) rune {
		if slices.Contains([]rune{'\'', '\n'}, r) || r == '\\' && !strings.Contains(s, "\\:") {
			return -1
		}
		return r
	}, s) + "'"
}
