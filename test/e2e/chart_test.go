package e2e

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"puente/shared/database/databasetest"
)

// manifest is what is read of a rendered object.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Args []string
					Env  []struct{ Name, Value string }

					VolumeMounts []struct {
						Name      string
						MountPath string `yaml:"mountPath"`
					} `yaml:"volumeMounts"`
				}
				Volumes []struct {
					Name      string
					ConfigMap struct{ Name string } `yaml:"configMap"`
					Secret    struct {
						SecretName string `yaml:"secretName"`
					}
				}
			}
		}
	}
}

// fileNamed finds what a configuration reads: secrets, and the files of certificates.
var fileNamed = regexp.MustCompile(`/run/secrets/([-\w]+)/([-.\w]+)`)

// The layers of the chart start: each pod's configuration passes the program's check, with the files that the pod has
// mounted and no other; and its migration migrates.
func TestChartConfigurations(t *testing.T) {
	t.Parallel()
	rendered, err := filepath.Glob("../../deploy/k8s/testdata/*.yaml")
	if err != nil || len(rendered) < 2 {
		t.Fatalf("%v: %v", rendered, err)
	}
	url := databasetest.New(t).Config().ConnString()
	for _, file := range rendered {
		all := manifests(t, file)
		ran := 0
		for _, m := range all {
			if m.Kind != "Deployment" && m.Kind != "Job" {
				continue
			}
			ran++
			pod := m.Spec.Template.Spec
			container := pod.Containers[0]
			dir := t.TempDir()
			var config string
			mounted := map[string]bool{}
			for _, mount := range container.VolumeMounts {
				for _, v := range pod.Volumes {
					switch {
					case v.Name != mount.Name:
					case v.ConfigMap.Name != "" && mount.MountPath == "/etc/puente":
						i := slices.IndexFunc(all, func(c manifest) bool { return c.Kind == "ConfigMap" && c.Metadata.Name == v.ConfigMap.Name })
						if i < 0 {
							t.Fatalf("%s: %s: no ConfigMap %s", file, m.Metadata.Name, v.ConfigMap.Name)
						}
						config = all[i].Data["puente.yaml"]
					case v.Secret.SecretName != "":
						mounted[mount.MountPath] = true
					}
				}
			}
			for _, found := range fileNamed.FindAllStringSubmatch(config, -1) {
				at := "/run/secrets/" + found[1]
				if !mounted[at] {
					t.Errorf("%s: %s reads %s, where no Secret is mounted", file, m.Metadata.Name, found[0])
				}
				if err := os.MkdirAll(dir+at, 0o700); err != nil {
					t.Fatal(err)
				}
				content := randomKey()
				switch found[1] {
				case "database":
					content = url
				case "redis":
					content = "rediss://cache.internal:6379/0"
				}
				if err := os.WriteFile(dir+found[0], []byte(content+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			config = strings.ReplaceAll(strings.ReplaceAll(config, "/run/secrets/", dir+"/run/secrets/"), "/var/lib/puente", dir)
			args := slices.Clone(container.Args)
			if args[0] == "run" {
				args[0] = "check"
			}
			args[slices.Index(args, "/etc/puente/puente.yaml")] = written(t, config)
			cmd := command(args...)
			for _, e := range container.Env {
				cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%s", e.Name, cmp.Or(e.Value, m.Metadata.Name))) // without one it is the pod's name
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v: %v\n%s", file, m.Metadata.Name, args, err, out)
			}
		}
		if ran != 4 {
			t.Errorf("%s: %d pods, want three layers and the migration", file, ran)
		}
	}
}

func manifests(t *testing.T, file string) (all []manifest) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var m manifest
		err := documents.Decode(&m)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, m)
	}
}
