// Command grafana writes the dashboards of Puente, as JSON that Grafana provisions, into a directory. They are
// made of what the contracts declare: layers, APIs, operations and their promises (x-sla).
//
//	go run ./deploy/grafana [DIR]   default deploy/grafana/dashboards
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := filepath.Join("deploy", "grafana", "dashboards")
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := write(dir); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

// write replaces what is in the directory.
func write(dir string) error {
	files, err := render()
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// render is every dashboard by the name of its file.
func render() (map[string][]byte, error) {
	apis, err := hosted()
	if err != nil {
		return nil, err
	}
	boards := []board{overview(), budgets(), business(), limits(), runtime()}
	boards = append(boards, layers()...)
	boards = append(boards, perAPI(apis)...)
	boards = append(boards, dependencies(apis)...)
	files := make(map[string][]byte, len(boards))
	for _, b := range boards {
		if files[b.uid+".json"], err = b.render(); err != nil {
			return nil, err
		}
	}
	return files, nil
}
