{{/* Ports of the pods. */}}
{{- define "deepface.port" -}}{{ eq . "classifier" | ternary 50051 50052 }}{{- end }}
{{- define "deepface.healthPort" -}}50053{{- end }}
{{- define "deepface.metricsPort" -}}9101{{- end }}

{{/* Names in grpc.health.v1: whether a service lives, and whether to send it calls. */}}
{{- define "deepface.alive" -}}deepface.v1.{{ title . }}Service{{- end }}
{{- define "deepface.ready" -}}
{{ include "deepface.alive" . }}{{ if eq . "generator" }}/CanGenerate{{ end }}
{{- end }}

{{- define "deepface.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $full | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{- define "deepface.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "deepface.fullname" .) "default") }}
{{- end }}

{{/* What follows takes a list: the chart's context, and the name of a service. */}}

{{- define "deepface.name" -}}{{ include "deepface.fullname" (index . 0) }}-{{ index . 1 }}{{- end }}

{{- define "deepface.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ $.Values.nameOverride | default $.Chart.Name }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "deepface.labels" -}}
{{- $ := index . 0 -}}
{{ include "deepface.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: deepface
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ $.Chart.Name }}-{{ $.Chart.Version }}
{{- end }}

{{- define "deepface.image" -}}
{{- $ := index . 0 }}{{ $s := index $.Values (index . 1) -}}
{{- $gpu := $s.gpu | default dict -}}
{{- $repository := and $gpu.enabled $gpu.repository | default $s.image.repository -}}
{{- if $s.image.digest -}}
{{ $repository }}@{{ $s.image.digest }}
{{- else -}}
{{ $repository }}:{{ $s.image.tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Where the generator finds the classifier. */}}
{{- define "deepface.classifierUrl" -}}
{{- $scheme := empty .Values.classifier.tls.secretName | ternary "http" "https" -}}
{{- $host := printf "%s.%s.svc" (include "deepface.name" (list . "classifier")) .Release.Namespace -}}
{{- .Values.generator.classifierUrl | default (printf "%s://%s:%s" $scheme $host (include "deepface.port" "classifier")) -}}
{{- end }}

{{/* The arguments of a service. */}}
{{- define "deepface.arguments" -}}
{{- $ := index . 0 }}{{ $service := index . 1 }}{{ $s := index $.Values $service -}}
{{- $at := $.Values.listenAddress -}}
- serve
- --listen={{ $at }}:{{ include "deepface.port" $service }}
- --health-listen={{ $at }}:{{ include "deepface.healthPort" $ }}
- --lame-duck-seconds={{ $.Values.lameDuckSeconds }}
- --drain-seconds={{ $.Values.drainSeconds }}
- --log-format={{ $.Values.logFormat }}
{{- if or $.Values.metrics.enabled (not $s.tls.secretName) }}
{{- if $s.tls.secretName }}
# For the metrics alone: with a certificate, callers cannot use plain text.
{{- end }}
- --insecure
{{- end }}
{{- if $.Values.metrics.enabled }}
- --metrics={{ $at }}:{{ include "deepface.metricsPort" $ }}
{{- end }}
{{- with $.Values.otlp }}
- --otlp={{ . }}
{{- end }}
{{- with $s.settings }}
- --config=/etc/deepface/config/deepface.toml
{{- end }}
{{- if $s.tls.secretName }}
- --tls-cert=/etc/deepface/tls/tls.crt
- --tls-key=/etc/deepface/tls/tls.key
{{- if $s.tls.clientCertificates }}
- --tls-client-ca=/etc/deepface/tls/ca.crt
{{- end }}
{{- end }}
{{- if $s.tokens.secretName }}
- --tokens=/etc/deepface/tokens/tokens
{{- end }}
{{- if eq $service "classifier" }}
{{- if $s.gpu.enabled }}
- --device=cuda:0
- --dtype={{ $s.gpu.dtype }}
{{- end }}
{{- else }}
- --classifier={{ include "deepface.classifierUrl" $ }}
{{- if $s.classifierAccess.caSecretName }}
- --classifier-ca=/etc/deepface/classifier-ca/ca.crt
{{- end }}
{{- if $s.classifierAccess.certificateSecretName }}
- --classifier-cert=/etc/deepface/classifier-certificate/tls.crt
- --classifier-key=/etc/deepface/classifier-certificate/tls.key
{{- end }}
{{- if $s.classifierAccess.tokenSecretName }}
- --classifier-token-file=/etc/deepface/classifier-token/token
{{- end }}
{{- end }}
{{- end }}

{{/* The secrets that a service mounts, as a dictionary from the folder to the name of the secret. */}}
{{- define "deepface.secrets" -}}
{{- $s := index (index . 0).Values (index . 1) -}}
{{- $access := $s.classifierAccess | default dict -}}
{{- dict "tls" $s.tls.secretName "tokens" $s.tokens.secretName "classifier-ca" $access.caSecretName
    "classifier-certificate" $access.certificateSecretName "classifier-token" $access.tokenSecretName | toJson -}}
{{- end }}

{{- define "deepface.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "deepface.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}
