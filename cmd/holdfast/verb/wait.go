package verb

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// KeyPath is where the API has a key. The slashes in it stay.
func KeyPath(key string) string {
	parts := strings.Split(key, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/v1/kv/" + strings.Join(parts, "/")
}

// Wait asks a question that may take as long as nothing changes, and answers the body and its index. found is false where the API says
// 404.
func (c *Client) Wait(ctx context.Context, path string, query url.Values) (body []byte, index uint64, found bool, err error) {
	resp, err := c.Patient().request(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return nil, 0, false, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, 0, false, fmt.Errorf("the agent at %s broke off its answer: %w", c.addr, err)
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound:
		return nil, 0, false, StatusError{Code: resp.StatusCode, Text: strings.TrimSpace(cmp.Or(string(body), resp.Status))}
	}
	if index, err = strconv.ParseUint(resp.Header.Get("X-Consul-Index"), 10, 64); err != nil {
		return nil, 0, false, fmt.Errorf("the agent at %s answered %s without an index: is it an agent's HTTP API?", c.addr, path)
	}
	return body, index, resp.StatusCode == http.StatusOK, nil
}
