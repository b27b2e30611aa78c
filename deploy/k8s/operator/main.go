// Command operator reads manifests and holds those of Prometheus Operator against its types: a member that is unknown,
// twice there or of another sort is an error. It is a module of its own, so that the platform does not depend on
// Kubernetes.
//
//	helm template … | go run .
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	n, err := check(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(n, "objects of Prometheus Operator")
}

func check(in io.Reader) (checked int, err error) {
	documents := kyaml.NewYAMLReader(bufio.NewReader(in))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return checked, nil
		}
		if err != nil {
			return checked, err
		}
		var about struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if err := yaml.Unmarshal(text, &about); err != nil {
			return checked, err
		}
		if about.APIVersion != "monitoring.coreos.com/v1" {
			continue
		}
		var object any
		switch about.Kind {
		case monitoring.ServiceMonitorsKind:
			object = &monitoring.ServiceMonitor{}
		case monitoring.PrometheusRuleKind:
			object = &monitoring.PrometheusRule{}
		default:
			return checked, fmt.Errorf("%s %s: not looked at", about.Kind, about.Metadata.Name)
		}
		if err := yaml.UnmarshalStrict(bytes.TrimSpace(text), object); err != nil {
			return checked, fmt.Errorf("%s %s: %w", about.Kind, about.Metadata.Name, err)
		}
		checked++
	}
}
