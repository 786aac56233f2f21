package verb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Input is what an argument stands for: the content of a file for @FILE, standard input for -, and else itself. what names it in errors.
func (c *Console) Input(arg, what string) ([]byte, error) {
	if arg == "-" {
		b, err := io.ReadAll(c.In)
		if err != nil {
			return nil, fmt.Errorf("cannot read the %s from standard input: %w", what, err)
		}
		return b, nil
	}
	if file, ok := strings.CutPrefix(arg, "@"); ok {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the %s: %w", what, err)
		}
		return b, nil
	}
	return []byte(arg), nil
}

// Texts is a flag that may be given more than once.
type Texts []string

func (t *Texts) String() string { return strings.Join(*t, ",") }

// Set adds a value.
func (t *Texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}

// Pairs is a flag KEY=VALUE that may be given more than once.
type Pairs map[string]string

func (p *Pairs) String() string { return "" }

// Set adds a pair.
func (p *Pairs) Set(s string) error {
	k, v, ok := strings.Cut(s, "=")
	if !ok || k == "" {
		return errors.New("want KEY=VALUE")
	}
	if *p == nil {
		*p = Pairs{}
	}
	(*p)[k] = v
	return nil
}

// Query is the pairs as the API takes them, KEY:VALUE.
func (p Pairs) Query() []string {
	out := make([]string, 0, len(p))
	for k, v := range p {
		out = append(out, k+":"+v)
	}
	return out
}
