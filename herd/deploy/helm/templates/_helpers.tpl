{{/* The name of everything in this release. The names of nodes begin with it. */}}
{{- define "herd.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "herd" $name) -}}{{- $name = printf "%s-herd" $name -}}{{- end -}}
{{- $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}

{{/* The labels by which the nodes are selected. */}}
{{- define "herd.selector" -}}
app.kubernetes.io/name: herd
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "herd.labels" -}}
{{ include "herd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{/* The herd file. A node is named after its pod, and dialled by the name of the pod. */}}
{{- define "herd.file" -}}
{{- $name := include "herd.name" . -}}
{{- $count := int .Values.nodes -}}
name = {{ $name | quote }}
{{ range $node := until $count }}
[[node]]
name = "{{ $name }}-{{ $node }}"
client = "0.0.0.0:12480"
link = "0.0.0.0:12580"
advertise = "{{ $name }}-{{ $node }}.{{ $name }}-nodes.{{ $.Release.Namespace }}.svc:12580"
admin = "127.0.0.1:12680"
metrics = "0.0.0.0:12780"
{{- $neighbours := list -}}
{{- range $step := list 1 2 -}}
{{- range $other := list (mod (add $node $step) $count) (mod (add (sub $node $step) (mul 2 $count)) $count) -}}
{{- if ne (int $other) $node -}}
{{- $neighbours = append $neighbours (printf "%q" (printf "%s-%d" $name (int $other))) -}}
{{- end -}}
{{- end -}}
{{- end }}
neighbours = [{{ $neighbours | uniq | join ", " }}]
{{ end }}
[links]
ca = "/etc/herd/links/ca.pem"
cert = "/etc/herd/links/{name}.pem"
key = "/etc/herd/links/{name}.key"
{{- if .Values.clients.secret }}

[clients]
cert = "/etc/herd/clients/tls.crt"
key = "/etc/herd/clients/tls.key"
{{- end }}

[places]
provider = {{ .Values.places.provider | quote }}
{{- if .Values.places.keySecret }}
key_file = "/etc/herd/places/key"
{{- end }}
{{- if eq .Values.places.provider "osm" }}
file = {{ printf "/places/%s" .Values.places.file | quote }}
{{- end }}
{{- with .Values.backbone }}
{{- if .nats }}

[backbone]
nats = {{ .nats | toJson }}
{{- if .region }}
region = {{ .region | quote }}
{{- end }}
{{- if .credsSecret }}
creds = "/etc/herd/backbone/creds"
{{- end }}
{{- if .hasCa }}
ca = "/etc/herd/backbone/ca.pem"
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.herdFile }}

{{ .Values.herdFile }}
{{- end }}
{{ end -}}
