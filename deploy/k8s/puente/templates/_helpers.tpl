{{- define "puente.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of everything. */}}
{{- define "puente.labels" -}}
{{ include "puente.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of all pods of the release; with app.kubernetes.io/component those of a layer. */}}
{{- define "puente.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "puente.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "puente.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "puente.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* A listener's certificate, as files of a Secret of type kubernetes.io/tls. */}}
{{- define "puente.listener" -}}
addr: ":{{ .port }}"
{{- if .secret }}
certificate: /run/secrets/{{ .name }}-tls/tls.crt
key: /run/secrets/{{ .name }}-tls/tls.key
{{- end }}
{{- end -}}

{{/* puente.yaml of a layer, less what the values say: dict "root" $ "layer" "xapi". */}}
{{- define "puente.own" -}}
{{- $root := .root -}}{{- $v := .root.Values -}}{{- $layer := .layer -}}
dataDir: /var/lib/puente
ops:
  {{- include "puente.listener" (dict "name" "ops" "port" $v.ports.ops "secret" $v.tls.ops.secret) | nindent 2 }}
{{- if eq $layer "xapi" }}
public:
  {{- include "puente.listener" (dict "name" "public" "port" $v.ports.public "secret" $v.tls.public.secret) | nindent 2 }}
{{- if $v.plain.enabled }}
plain: {addr: ":{{ $v.ports.plain }}"}
{{- end }}
{{- else }}
internal: {addr: ":{{ $v.ports.internal }}"}
{{- end }}
{{- if and (eq $layer "sapi") $v.callbacks.enabled }}
callbacks:
  {{- include "puente.listener" (dict "name" "callbacks" "port" $v.ports.callbacks "secret" $v.tls.callbacks.secret) | nindent 2 }}
  {{- if not $v.tls.callbacks.secret }}
  plain: true
  {{- end }}
{{- end }}
drain: {delay: {{ $v.drain.delaySeconds }}s, timeout: {{ $v.drain.timeoutSeconds }}s}
layers:
  serviceKey: "file:/run/secrets/service/{{ $v.secrets.service.key }}"
  {{- if eq $layer "xapi" }}
  papi: {url: "http://{{ include "puente.fullname" $root }}-papi:{{ $v.ports.internal }}"}
  {{- end }}
  {{- if ne $layer "sapi" }}
  sapi: {url: "http://{{ include "puente.fullname" $root }}-sapi:{{ $v.ports.internal }}"}
  {{- end }}
{{- include "puente.databaseConfig" $root | nindent 0 }}
{{- if and $v.secrets.redis.name (ne $layer "papi") }}{{/* papi has no edge, and so no limits */}}
redis: {url: "file:/run/secrets/redis/{{ $v.secrets.redis.key }}"}
{{- $own := index $v $layer }}
limiter: {replicas: {{ $own.autoscaling.enabled | ternary $own.autoscaling.maxReplicas $own.replicas }}}
{{- end }}
keys:
  ring:
    {{- range $v.secrets.keys.ring }}
    - {id: {{ . | quote }}, secret: "file:/run/secrets/keys/{{ . }}"}
    {{- end }}
  active: {{ $v.secrets.keys.active | quote }}
admin:
  tokens:
    {{- range $name, $token := $v.secrets.admin.tokens }}
    {{ $name }}: {secret: "file:/run/secrets/admin/{{ $token.key }}", role: {{ $token.role }}}
    {{- end }}
{{- end -}}

{{- define "puente.databaseConfig" -}}
database: {url: "file:/run/secrets/database/{{ .Values.secrets.database.key }}"}
{{- end -}}

{{/* puente.yaml of a layer, whole. */}}
{{- define "puente.config" -}}
{{- $v := .root.Values -}}
{{- $own := include "puente.own" . | fromYaml -}}
{{- if $own.Error -}}{{- fail $own.Error -}}{{- end -}}
{{- mergeOverwrite $own (deepCopy $v.config.common) (deepCopy (index $v.config .layer)) | toYaml -}}
{{- end -}}

{{/* Name, Secret and items of what is mounted below /run/secrets in the pods of a layer. */}}
{{- define "puente.secrets" -}}
{{- $v := .root.Values -}}{{- $layer := .layer -}}
database: {secret: {{ $v.secrets.database.name }}}
{{- if ne $layer "migrate" }}
service: {secret: {{ $v.secrets.service.name }}}
keys: {secret: {{ $v.secrets.keys.name }}}
admin: {secret: {{ $v.secrets.admin.name }}}
ops-tls: {secret: {{ $v.tls.ops.secret }}}
{{- if and $v.secrets.redis.name (ne $layer "papi") }}
redis: {secret: {{ $v.secrets.redis.name }}}
{{- end }}
{{- if and (eq $layer "xapi") $v.tls.public.secret }}
public-tls: {secret: {{ $v.tls.public.secret }}}
{{- end }}
{{- if and (eq $layer "sapi") $v.callbacks.enabled $v.tls.callbacks.secret }}
callbacks-tls: {secret: {{ $v.tls.callbacks.secret }}}
{{- end }}
{{- if and (eq $layer "sapi") $v.secrets.systems.name }}
systems: {secret: {{ $v.secrets.systems.name }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "puente.secretMounts" -}}
{{- range $at, $_ := include "puente.secrets" . | fromYaml }}
- {name: {{ $at }}, mountPath: /run/secrets/{{ $at }}, readOnly: true}
{{- end }}
{{- end -}}

{{- define "puente.secretVolumes" -}}
{{- range $at, $from := include "puente.secrets" . | fromYaml }}
- name: {{ $at }}
  secret: {secretName: {{ $from.secret }}, defaultMode: 0440}
{{- end }}
{{- end -}}
