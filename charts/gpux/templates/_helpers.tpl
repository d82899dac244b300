{{- define "gpux.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "gpux.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "gpux.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "gpux.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* What every object and pod carries, whatever it is a part of. */}}
{{- define "gpux.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: gpux
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "gpux.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gpux.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "gpux.labels" -}}
{{ include "gpux.selectorLabels" . }}
{{ include "gpux.commonLabels" . }}
{{- end -}}

{{- define "gpux.redis.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gpux.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: redis
{{- end -}}

{{- define "gpux.redis.labels" -}}
{{ include "gpux.redis.selectorLabels" . }}
{{ include "gpux.commonLabels" . }}
{{- end -}}

{{- /* An image by digest, else by tag, else by the chart's appVersion: include it with (list $ .Values.operator.image). */}}
{{- define "gpux.image" -}}
{{- $top := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default $top.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "gpux.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "gpux.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* The restricted Pod Security Standard, of a container. */}}
{{- define "gpux.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
