{{- define "cortex.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "cortex.gateway" -}}{{ include "cortex.fullname" . }}-gateway{{- end -}}
{{- define "cortex.neuron" -}}{{ include "cortex.fullname" . }}-neuron{{- end -}}
{{- define "cortex.adminSecret" -}}
{{ .Values.gateway.admin.existingSecret | default (printf "%s-admin" (include "cortex.fullname" .)) }}
{{- end -}}
{{- define "cortex.nodeSecret" -}}
{{ .Values.neuron.auth.existingSecret | default (include "cortex.neuron" .) }}
{{- end -}}

{{/* Labels that select the objects of one part: (dict "root" $ "part" "gateway") */}}
{{- define "cortex.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "cortex.labels" -}}
{{ include "cortex.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image: (dict "image" .Values.gateway.image "tag" "0.1.0") */}}
{{- define "cortex.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .tag }}
{{- end -}}
{{- end -}}

{{/* What a container of the chart may do. */}}
{{- define "cortex.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* The user of a pod: (dict "id" 10001 "changes" .Values.gateway.podSecurityContext) */}}
{{- define "cortex.podSecurityContext" -}}
{{- $own := dict "runAsNonRoot" true "runAsUser" .id "runAsGroup" .id "fsGroup" .id "fsGroupChangePolicy" "OnRootMismatch" "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{ toYaml (mergeOverwrite $own .changes) }}
{{- end -}}
