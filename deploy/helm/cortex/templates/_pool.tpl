{{/* neuron.toml and the DaemonSet of one group of machines: (dict "root" $ "pool" "gpu" "values" …) */}}
{{- define "cortex.pool" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $isCuda := eq $values.variant "cuda" -}}
{{- $selector := $values.nodeSelector | default ($isCuda | ternary (dict "nvidia.com/gpu.present" "true") dict) -}}
{{- $gpu := $values.gpu.resource | default ($isCuda | ternary "nvidia.com/gpu" "") -}}
{{- $resources := deepCopy $values.resources -}}
{{- if and $gpu (gt (int $values.gpu.count) 0) -}}
{{- $resources = mergeOverwrite $resources (dict "limits" (dict $gpu (int $values.gpu.count))) -}}
{{- end -}}
{{- $name := printf "%s-%s" (include "cortex.neuron" $root) .pool -}}
{{- $image := include "cortex.image" (dict "image" $values.image "tag" (printf "%s-%s" $root.Chart.AppVersion $values.variant)) -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  labels: {{- include "cortex.labels" (dict "root" $root "part" "neuron") | nindent 4 }}
data:
  neuron.toml: |
    {{- $values.config | nindent 4 }}
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ $name }}
  labels: {{- include "cortex.labels" (dict "root" $root "part" "neuron") | nindent 4 }}
    cortex/pool: {{ .pool }}
spec:
  selector:
    matchLabels: {{- include "cortex.selector" (dict "root" $root "part" "neuron") | nindent 6 }}
      cortex/pool: {{ .pool }}
  updateStrategy:
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: {{ $values.maxUnavailable }} }
  template:
    metadata:
      labels: {{- include "cortex.labels" (dict "root" $root "part" "neuron") | nindent 8 }}
        cortex/pool: {{ .pool }}
      annotations:
        # The daemon reads neuron.toml at its start only.
        checksum/config: {{ $values.config | sha256sum }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      automountServiceAccountToken: false
      # Its variables would look like settings: NEURON_….
      enableServiceLinks: false
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets: {{- range . }}
        - name: {{ . }}
      {{- end }}
      {{- end }}
      securityContext: {{- include "cortex.podSecurityContext" (dict "id" 10002 "changes" $values.podSecurityContext) | nindent 8 }}
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
      {{- with $values.runtimeClassName }}
      runtimeClassName: {{ . }}
      {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $selector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $values.storage.hostPath }}
      initContainers:
        # A new folder of the host belongs to root, and fsGroup does not change those of the host.
        - name: own-folder
          image: {{ $image }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          command: [/bin/chown, '10002:10002', /var/lib/neuron]
          securityContext:
            runAsUser: 0
            runAsGroup: 0
            runAsNonRoot: false
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL], add: [CHOWN] }
          volumeMounts:
            - { name: state, mountPath: /var/lib/neuron }
      {{- end }}
      containers:
        - name: neuron
          image: {{ $image }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args: [serve, --config, /etc/neuron/neuron.toml]
          securityContext: {{- include "cortex.securityContext" $root | nindent 12 }}
          env:
            - { name: NEURON_LISTEN, value: {{ printf "%s:13131" $root.Values.listenHost | quote }} }
            - { name: NEURON_SECURITY__NODE_TOKEN_FILE, value: /etc/neuron-auth/token }
            - { name: NEURON_SECURITY__TLS_CERT, value: /etc/neuron-auth/tls.crt }
            - { name: NEURON_SECURITY__TLS_KEY, value: /etc/neuron-auth/tls.key }
            - { name: NEURON_LOG, value: {{ $values.logLevel }} }
            {{- with $values.hubToken }}
            {{- if .secretName }}
            - { name: HF_TOKEN, valueFrom: { secretKeyRef: { name: {{ .secretName }}, key: {{ .key }} } } }
            {{- end }}
            {{- end }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          ports:
            - { name: api, containerPort: 13131 }
          {{- $probe := dict "command" (list "/usr/bin/neuron" "health" "--config" "/etc/neuron/neuron.toml") }}
          startupProbe:
            exec: {{- toYaml $probe | nindent 14 }}
            periodSeconds: 5
            timeoutSeconds: 10
            failureThreshold: 60
          livenessProbe:
            exec: {{- toYaml $probe | nindent 14 }}
            periodSeconds: 30
            timeoutSeconds: 15
          readinessProbe:
            exec: {{- toYaml $probe | nindent 14 }}
            periodSeconds: 30
            timeoutSeconds: 15
          resources: {{- toYaml $resources | nindent 12 }}
          volumeMounts:
            - { name: config, mountPath: /etc/neuron, readOnly: true }
            - { name: auth, mountPath: /etc/neuron-auth, readOnly: true }
            - { name: state, mountPath: /var/lib/neuron }
            {{- if $values.storage.modelsClaim }}
            - { name: models, mountPath: /var/lib/neuron/models }
            {{- end }}
            - { name: shared-memory, mountPath: /dev/shm }
            - { name: tmp, mountPath: /tmp }
      volumes:
        - name: config
          configMap: { name: {{ $name }} }
        - name: auth
          secret:
            secretName: {{ include "cortex.nodeSecret" $root }}
            defaultMode: 0440
        - name: state
          {{- if $values.storage.hostPath }}
          hostPath: { path: {{ $values.storage.hostPath }}, type: DirectoryOrCreate }
          {{- else if $values.storage.sizeLimit }}
          emptyDir: { sizeLimit: {{ $values.storage.sizeLimit | quote }} }
          {{- else }}
          emptyDir: {}
          {{- end }}
        {{- with $values.storage.modelsClaim }}
        - name: models
          persistentVolumeClaim: { claimName: {{ . }} }
        {{- end }}
        - name: shared-memory
          emptyDir: { medium: Memory, sizeLimit: {{ $values.sharedMemory | quote }} }
        - name: tmp
          emptyDir: {}
{{- end -}}
