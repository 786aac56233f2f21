package prepared

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scope is what the parts in ${…} of a text may name.
type scope struct {
	variables map[string]string
	match     func(n int) string
}

// text is a string with parts in ${…}, taken apart.
type text []part

// part is one piece of a text.
type part interface{ fill(s *scope) string }

type (
	literal  string
	variable string
	match    int
)

func (l literal) fill(*scope) string    { return string(l) }
func (v variable) fill(s *scope) string { return s.variables[string(v)] }
func (m match) fill(s *scope) string    { return s.match(int(m)) }

func (t text) fill(s *scope) string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.fill(s))
	}
	return b.String()
}

// The variables of a template. The segment is always empty: there is one network.
const (
	nameFull     = "name.full"
	namePrefix   = "name.prefix"
	nameSuffix   = "name.suffix"
	agentSegment = "agent.segment"
)

// expressions says what may stand in ${…}.
const expressions = "want ${" + nameFull + "}, ${" + namePrefix + "}, ${" + nameSuffix + "}, ${" + agentSegment + "}, ${match(N)} or ${\"text\"}, and $${ for ${ itself"

// parser takes a text apart.
type parser struct{ rest string }

func parse(s string) (text, error) {
	p := &parser{s}
	t, err := p.text()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, expressions)
	}
	return t, nil
}

// text reads to the end: pieces of text and parts in ${…} by turns.
func (p *parser) text() (text, error) {
	var t text
	var plain strings.Builder
	end := func() {
		if plain.Len() > 0 {
			t = append(t, literal(plain.String()))
			plain.Reset()
		}
	}
	for {
		before, after, found := strings.Cut(p.rest, "${")
		p.rest = after
		if !found {
			plain.WriteString(before)
			end()
			return t, nil
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			plain.WriteString(escaped + "${")
			continue
		}
		plain.WriteString(before)
		end()
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		t = append(t, e)
	}
}

// expression reads what stands in ${…}, and the brace that ends it.
func (p *parser) expression() (part, error) {
	p.blank()
	var e part
	switch c, _ := utf8.DecodeRuneInString(p.rest); {
	case c == '"':
		s, err := p.quoted()
		if err != nil {
			return nil, err
		}
		e = literal(s)
	case unicode.IsLetter(c):
		var err error
		if e, err = p.named(); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("%q cannot stand after ${", beginning(p.rest))
	}
	p.blank()
	if !p.take("}") {
		return nil, fmt.Errorf("%q stands where a } ought to be", beginning(p.rest))
	}
	return e, nil
}

// named reads a variable or a call of match.
func (p *parser) named() (part, error) {
	name := p.word(func(c rune) bool {
		return unicode.IsLetter(c) || unicode.IsDigit(c) || c == '.' || c == '_' || c == '-'
	})
	p.blank()
	if p.take("(") {
		if name != "match" {
			return nil, fmt.Errorf("there is no function %q", name)
		}
		return p.matchNumber()
	}
	switch name {
	case nameFull, namePrefix, nameSuffix, agentSegment:
		return variable(name), nil
	}
	return nil, fmt.Errorf("there is no variable %q", name)
}

// matchNumber reads what stands between the brackets of match.
func (p *parser) matchNumber() (part, error) {
	p.blank()
	digits := p.word(unicode.IsDigit)
	n, err := strconv.Atoi(digits)
	if err != nil {
		return nil, fmt.Errorf("match wants the number of a group, and %q is none", digits+beginning(p.rest))
	}
	p.blank()
	if !p.take(")") {
		return nil, fmt.Errorf("%q stands where a ) ought to be", beginning(p.rest))
	}
	return match(n), nil
}

// quoted reads a text in quotation marks, which has no parts of its own.
func (p *parser) quoted() (string, error) {
	prefix, err := strconv.QuotedPrefix(p.rest)
	if err != nil {
		return "", fmt.Errorf("the text that begins with %s has no end", beginning(p.rest))
	}
	p.rest = p.rest[len(prefix):]
	return strconv.Unquote(prefix)
}

func (p *parser) word(in func(rune) bool) string {
	end := strings.IndexFunc(p.rest, func(c rune) bool { return !in(c) })
	if end < 0 {
		end = len(p.rest)
	}
	w := p.rest[:end]
	p.rest = p.rest[end:]
	return w
}

func (p *parser) blank() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *parser) take(s string) bool {
	rest, ok := strings.CutPrefix(p.rest, s)
	p.rest = rest
	return ok
}

// beginning is the beginning of a rest, short enough for a sentence.
func beginning(s string) string {
	const most = 20
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
