package contract

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"puente/shared/problem"
)

// load reads a document of testdata.
func load(t testing.TB, name string) *Document {
	t.Helper()
	spec, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	d, err := Load(spec)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLoadReadsWhatTheDocumentPromises(t *testing.T) {
	d := load(t, "keywords.yaml")
	if d.Title != "Keywords" || d.Version != "1.0.0" || d.Category != "Tests" {
		t.Errorf("document %q %q %q", d.Title, d.Version, d.Category)
	}
	tree := d.Operation("putTree")
	if tree.Method != "POST" || tree.Path != "/trees" || tree.Status != 200 {
		t.Errorf("putTree is %s %s → %d", tree.Method, tree.Path, tree.Status)
	}
	if tree.Deadline != 250*time.Millisecond || tree.Availability != 99.9 {
		t.Errorf("putTree promises %v, %v %%", tree.Deadline, tree.Availability)
	}
	if tree.Idempotency != IdempotencyKey || !tree.AuditRequired || tree.MaxBody != 4096 || tree.BodyRequired {
		t.Errorf("putTree: %+v", tree)
	}
	if !tree.OriginOptional || d.Operation("putTexts").OriginOptional {
		t.Error("putTree, and no other, is for clients without a system")
	}
	if len(tree.Codes) != 2 || tree.Codes[1] != "TREE_TOO_TALL" {
		t.Errorf("putTree answers the codes %v", tree.Codes)
	}
	if want := (problem.Entry{Code: "TREE_TOO_TALL", Status: 409, Meaning: "It is too tall.", Acts: "caller", Retry: "no"}); len(tree.Errors) != 1 || tree.Errors[0] != want {
		t.Errorf("putTree explains %+v", tree.Errors)
	}
	if tree.Public || tree.Scheme != "oauth2" || len(tree.Scopes) != 1 || tree.Scopes[0] != "tests" {
		t.Errorf("putTree is guarded by %q %v", tree.Scheme, tree.Scopes)
	}
	if tree.Answers[200] == nil || tree.Answers[0] == nil || tree.Answers[404] != nil {
		t.Errorf("putTree answers %v", tree.Answers)
	}
	texts := d.Operation("putTexts")
	if texts.Idempotency != IdempotencyNone || texts.AuditRequired || texts.MaxBody != 1<<20 || texts.MediaType != "application/json" {
		t.Errorf("putTexts: %+v", texts)
	}
	if !d.Operation("putComposed").Public {
		t.Error("putComposed says security: [] and is not public")
	}
	if op := d.Operation("putEnveloped"); !op.Envelope || op.Body == nil {
		t.Error("putEnveloped has an envelope")
	}
	enclosed := d.Operation("putEnclosed")
	if !enclosed.Envelope || !enclosed.EnvelopeRequired || d.Operation("putEnveloped").EnvelopeRequired {
		t.Error("putEnclosed has its body in the envelope only, putEnveloped also without")
	}
	if enclosed.Answers[200] == nil || enclosed.Answers[0] != nil {
		t.Errorf("putEnclosed answers %v: what only errors have is no answer", enclosed.Answers)
	}
	if d.Operation("none") != nil {
		t.Error("an operation that is not there was found")
	}
}
