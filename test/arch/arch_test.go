// Package arch holds the import rules of the tree as a test: who may know whom is what keeps a
// layer replaceable and a process divisible.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "puente/"

// A rule says what the packages below a folder may import of this module.
type rule struct {
	below string
	may   []string                    // prefixes
	also  func(pkg, path string) bool // beside them
}

var rules = []rule{
	{below: "shared/", may: []string{"shared/"}},
	{below: "contracts/", may: []string{"shared/"}},
	{below: "sapi/", may: []string{"shared/"}, also: ownContract("sapi")},
	{below: "papi/", may: []string{"shared/", "contracts/sapi/"}, also: ownContract("papi")},
	{below: "xapi/", may: []string{"shared/", "contracts/papi/"}, also: func(pkg, path string) bool {
		return ownContract("xapi")(pkg, path) || pkg == "xapi/portabilities" && path == "contracts/sapi/salesorder" ||
			pkg == "xapi/validatetv" && path == "contracts/xapi/normalizetv" || // its successor, in the same words
			pkg == "xapi/tmforum" && strings.HasPrefix(path, "contracts/xapi/tmf") // one channel, a contract per document of the standard
	}},
	{below: "test/sandbox/", may: []string{"shared/", "test/sandbox"}},
}

// layerFiles are the packages that list a layer's APIs; xapi alone also knows who verifies tokens.
var layerFiles = map[string][]string{
	"sapi": {"shared/", "sapi/"}, "papi": {"shared/", "papi/"},
	"xapi": {"shared/", "xapi/", "contracts/sapi/oauth2"},
}

// ownContract lets an API import its own contract and its own parts.
func ownContract(layer string) func(pkg, path string) bool {
	return func(pkg, path string) bool {
		api := strings.SplitN(strings.TrimPrefix(pkg, layer+"/"), "/", 2)[0]
		own := layer + "/" + api
		return path == "contracts/"+own || path == own || strings.HasPrefix(path, own+"/")
	}
}

func TestImports(t *testing.T) {
	seen := 0
	for pkg, imports := range packages(t) {
		for _, path := range imports {
			seen++
			if !allowed(pkg, path) {
				t.Errorf("%s imports %s", pkg, path)
			}
			if strings.HasPrefix(path+"/", "test/sandbox/") && !strings.HasPrefix(pkg+"/", "deploy/puente/") && !strings.HasPrefix(pkg, "test/") {
				t.Errorf("%s imports the sandbox; only deploy/puente may, and what is below it", pkg)
			}
		}
	}
	if seen == 0 {
		t.Fatal("no import was looked at")
	}
}

func allowed(pkg, path string) bool {
	if may, ok := layerFiles[pkg]; ok {
		return hasPrefix(path, may)
	}
	for _, r := range rules {
		if strings.HasPrefix(pkg, r.below) {
			return hasPrefix(path, r.may) || r.also != nil && r.also(pkg, path)
		}
	}
	return true
}

func hasPrefix(path string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(path, p) })
}

// TestNames refuses package names that say nothing.
func TestNames(t *testing.T) {
	for pkg := range packages(t) {
		if slices.Contains([]string{"util", "utils", "helper", "helpers", "common", "models", "types", "misc"}, filepath.Base(pkg)) {
			t.Errorf("%s: a package is named for what it does", pkg)
		}
	}
}

// packages are the folders with Go files, and what each imports of this module outside its tests.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..")
	found := make(map[string][]string)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		for _, spec := range file.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err == nil && strings.HasPrefix(path, module) {
				found[pkg] = append(found[pkg], strings.TrimPrefix(path, module))
			}
		}
		if _, ok := found[pkg]; !ok {
			found[pkg] = nil
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
