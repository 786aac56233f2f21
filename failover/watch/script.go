package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"holdfast/failover/program"
)

// script is a program that has the result on its standard input, and its index in the environment.
type script struct {
	args    []string
	timeout time.Duration // 0 means none
}

func (s *script) hand(ctx context.Context, r Result) (string, error) {
	env, in := input(r)
	output, err := program.Program{Args: s.args, Env: env, Stdin: in, Timeout: s.timeout}.Run(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		err = errors.New("it was killed because the agent stops")
	case err != nil:
		err = fmt.Errorf("it %w", err)
	}
	return output, err
}

// Command is a handler's program with its input and environment.
func Command(ctx context.Context, args []string, r Result) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Stdin = input(r)
	return cmd
}

// input is what a program is given: the index in its environment, the answer on its standard input.
func input(r Result) (env []string, stdin io.Reader) {
	return append(os.Environ(), "CONSUL_INDEX="+strconv.FormatUint(r.Index, 10)), io.MultiReader(bytes.NewReader(r.JSON), strings.NewReader("\n"))
}
