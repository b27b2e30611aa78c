package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"puente/shared/config"
	"puente/shared/problem"
)

// Client calls the admin API of a process. `puente admin` and `puente apply` are made of it.
type Client struct {
	base   string
	secret config.Secret
	http   *http.Client
}

const (
	callTimeout = 30 * time.Second
	maxAnswer   = 64 << 20 // bytes
)

// NewClient calls the operations listener at base, "http://127.0.0.1:9090", with the secret of a
// token. Redirects are not followed: they could carry the secret elsewhere.
func NewClient(base string, secret config.Secret) *Client {
	return &Client{base: strings.TrimSuffix(base, "/") + Path, secret: secret, http: &http.Client{
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Resources lists what can be administered.
func (c *Client) Resources(ctx context.Context) ([]Summary, error) {
	var answer struct {
		Resources []Summary `json:"resources"`
	}
	err := c.call(ctx, http.MethodGet, "", nil, &answer)
	return answer.Resources, err
}

// List gives the entities of a resource, each as the process wrote it.
func (c *Client) List(ctx context.Context, resource string) ([]json.RawMessage, error) {
	var answer struct {
		Items []json.RawMessage `json:"items"`
	}
	err := c.call(ctx, http.MethodGet, "/"+url.PathEscape(resource), nil, &answer)
	return answer.Items, err
}

// Export gives a resource as a file of a format: csv. Of names a part of it; empty: the whole.
func (c *Client) Export(ctx context.Context, resource, format, of string) ([]byte, error) {
	query := url.Values{"format": {format}}
	if of != "" {
		query.Set("of", of)
	}
	return c.fetch(ctx, http.MethodGet, "/"+url.PathEscape(resource)+"?"+query.Encode(), nil)
}

// Get gives one entity as the process wrote it, or problem.NotFound.
func (c *Client) Get(ctx context.Context, resource, id string) (json.RawMessage, error) {
	var answer json.RawMessage
	err := c.call(ctx, http.MethodGet, entityPath(resource, id), nil, &answer)
	return answer, err
}

// Put makes an entity be as spec, a JSON object, says.
func (c *Client) Put(ctx context.Context, resource, id string, spec []byte) (Result, error) {
	var answer Result
	err := c.call(ctx, http.MethodPut, entityPath(resource, id), spec, &answer)
	return answer, err
}

// Delete removes an entity.
func (c *Client) Delete(ctx context.Context, resource, id string) error {
	return c.call(ctx, http.MethodDelete, entityPath(resource, id), nil, nil)
}

// Apply sends YAML or JSON documents; see Documents and Registry.Apply.
func (c *Client) Apply(ctx context.Context, documents []byte) ([]Result, error) {
	var answer struct {
		Results []Result `json:"results"`
	}
	err := c.call(ctx, http.MethodPost, "/apply", documents, &answer)
	return answer.Results, err
}

func entityPath(resource, id string) string {
	return "/" + url.PathEscape(resource) + "/" + url.PathEscape(id)
}

// call sends one request and reads its answer.
func (c *Client) call(ctx context.Context, method, path string, body []byte, answer any) error {
	b, err := c.fetch(ctx, method, path, body)
	if err != nil || answer == nil {
		return err
	}
	if err := jsonv2.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("admin: %s %s: decode answer: %w", method, path, err)
	}
	return nil
}

// fetch sends one request; the error of an answer that is not a 2xx wraps its *problem.Error.
func (c *Client) fetch(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("admin: %s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.secret.Reveal())
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("admin: %s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = errors.New("the answer is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("admin: %s %s: read answer: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("admin: %s %s: %w", method, path, problem.Unmarshal(resp.StatusCode, b))
	}
	return b, nil
}
