package check

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"holdfast/cluster"
)

// docker runs a program in a container: exit code 0 is passing, 1 warning, any other critical. It speaks Docker's API
// (https://docs.docker.com/reference/api/engine/, exec) on the socket that DOCKER_HOST names.
type docker struct {
	container string
	args      []string
	limit     int
	base      string
	client    *http.Client
}

// defaultDocker is where Docker listens, unless DOCKER_HOST says otherwise.
const defaultDocker = "unix:///var/run/docker.sock"

func newDocker(d cluster.CheckDefinition) *docker {
	args := d.Args
	if d.Shell != "" {
		args = []string{d.Shell, "-c", strings.Join(d.Args, " ")}
	}
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = defaultDocker
	}
	x := &docker{container: d.DockerContainerID, args: args, limit: outputLimit(d), base: "http://docker"}
	t := &http.Transport{DisableKeepAlives: true}
	if path, ok := strings.CutPrefix(host, "unix://"); ok {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", path)
		}
	} else if _, addr, ok := strings.Cut(host, "://"); ok {
		x.base = "http://" + addr
	}
	x.client = &http.Client{Transport: t}
	return x
}

func (d *docker) probe(ctx context.Context) Result {
	out := &capture{limit: d.limit}
	code, err := d.run(ctx, out)
	switch {
	case err != nil:
		return Result{cluster.Critical, fmt.Sprintf("Cannot run %s in container %s: %v", d.args[0], d.container, err)}
	case code == 0:
		return Result{cluster.Passing, out.String()}
	case code == 1:
		return Result{cluster.Warning, out.String()}
	}
	return Result{cluster.Critical, out.String()}
}

// run runs the program and answers its exit code.
func (d *docker) run(ctx context.Context, out io.Writer) (int, error) {
	var made struct{ ID string }
	create := map[string]any{"AttachStdout": true, "AttachStderr": true, "Cmd": d.args}
	if err := d.call(ctx, http.MethodPost, "/containers/"+url.PathEscape(d.container)+"/exec", create, readJSON(&made)); err != nil {
		return 0, err
	}
	exec := "/exec/" + url.PathEscape(made.ID)
	if err := d.call(ctx, http.MethodPost, exec+"/start", map[string]any{"Detach": false, "Tty": false}, func(r io.Reader) error { return demux(r, out) }); err != nil {
		return 0, err
	}
	var done struct {
		ExitCode *int
		Running  bool
	}
	if err := d.call(ctx, http.MethodGet, exec+"/json", nil, readJSON(&done)); err != nil {
		return 0, err
	}
	if done.Running || done.ExitCode == nil {
		return 0, errors.New("the program closed its output and did not end")
	}
	return *done.ExitCode, nil
}

// maxDockerAnswer bounds what is read of an answer that is not the program's output.
const maxDockerAnswer = 64 << 10

// call sends one request and has the body of its answer read.
func (d *docker) call(ctx context.Context, method, path string, body any, read func(io.Reader) error) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, d.base+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		var why struct{ Message string }
		_ = readJSON(&why)(resp.Body) // the status says something, too
		return fmt.Errorf("docker answers %s: %s", resp.Status, why.Message)
	}
	return read(resp.Body)
}

func readJSON(v any) func(io.Reader) error {
	return func(r io.Reader) error { return json.NewDecoder(io.LimitReader(r, maxDockerAnswer)).Decode(v) }
}

// demux takes the program's output out of Docker's frames: a byte for the stream, three of nothing, and the length in four.
func demux(r io.Reader, out io.Writer) error {
	var head [8]byte
	for {
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := io.CopyN(out, r, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return err
		}
	}
}
