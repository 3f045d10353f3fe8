# Runs in the systemd that boot.sh boots, with the packages installed. Each step prints its name, then what it found.
step() { echo "== $1"; }
url=http://127.0.0.1:31313/v1/chat/completions
question='"model":"cortex-tiny","messages":[{"role":"user","content":"What is cortex?"}]'
within() { for _ in $(seq 40); do if eval "$1" 2>/dev/null; then break; fi; sleep 0.5; done; }

step started
systemctl is-active cortex neuron
systemd-analyze verify cortex.service neuron.service neuron-joined.path 2>&1 | grep -v 'Restart\(Steps\|MaxDelaySec\)'
systemd-analyze security --threshold=16 cortex >/dev/null && systemd-analyze security --threshold=20 neuron >/dev/null && echo restricted

step key
stat -c '%U %a' /var/lib/cortex/admin.key

step killed
kill -9 "$(systemctl show -p MainPID --value cortex)" "$(systemctl show -p MainPID --value neuron)"
sleep 3
systemctl is-active cortex neuron
systemctl show -p NRestarts --value cortex neuron

step reloaded
systemctl reload cortex neuron && systemctl is-active cortex neuron

step refused
cp -p /etc/cortex/cortex.toml /root/
echo 'wrong = 1' >>/etc/cortex/cortex.toml
timeout 20 systemctl restart cortex 2>/dev/null
echo "status $?"
cp -p /root/cortex.toml /etc/cortex/
systemctl restart cortex && systemctl is-active cortex

step credentials
mkdir -p -m 700 /etc/credstore /etc/cortex/nodes.d
(umask 077; echo 0123456789abcdef0123456789abcdef | tee /etc/credstore/neuron.node-token >/etc/credstore/cortex.node-token)
printf '[[neurons]]\nname = "own"\nendpoint = "http://127.0.0.1:13131"\n' >/etc/cortex/nodes.d/own.toml
chgrp -R cortex /etc/cortex/nodes.d
chmod -R g+rX /etc/cortex/nodes.d
systemctl restart cortex neuron
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:13131/models
within 'cortex status | grep -q "^own  *up"'
cortex nodes
rm -r /etc/credstore /etc/cortex/nodes.d
systemctl restart cortex neuron

step joined
neuron $(cortex join-token --json | sed -n 's/.*"neuron \(join [^"]*\)".*/\1/p') --name box

step serves
within 'cortex status | grep -q "^box  *up"'
curl -s $url -d "{$question,\"max_tokens\":8}"
echo

step listens
cortex nodes

step writes
nsenter -t "$(systemctl show -p MainPID --value cortex)" -m -r setpriv --reuid cortex --regid cortex --clear-groups sh -c \
  'cd /etc/cortex; cp models.toml new && mv new models.toml && echo replaced; rm -f cortex.toml; touch /usr/x' 2>&1

step drained
curl -sN $url -d "{$question,\"max_tokens\":3000,\"ignore_eos\":true,\"stream\":true,\"stream_options\":{\"include_usage\":true}}" >/root/answer &
within 'grep -q content /root/answer'
grep -q DONE /root/answer || echo running
systemctl stop neuron
wait
grep -o '"completion_tokens":[0-9]*' /root/answer
grep DONE /root/answer
systemctl start neuron

step stopped
systemctl stop cortex neuron
systemctl show -p Result cortex neuron
pgrep -c -u neuron

step alone
useradd --create-home somebody
systemctl start "user@$(id -u somebody)"
somebody() { setpriv --reuid somebody --regid somebody --init-groups env HOME=/home/somebody XDG_RUNTIME_DIR="/run/user/$(id -u somebody)" "$@"; }
somebody systemctl --user start cortex-up
within 'somebody cortex status | grep -q "cortex-tiny"'
curl -s $url -d "{$question,\"max_tokens\":8}"
echo
somebody systemctl --user stop cortex-up
somebody systemctl --user show -p Result cortex-up

step reinstalled
dpkg -r cortex helexa-neuron >/dev/null
dpkg -i /shared/*.deb >/dev/null
systemctl is-active cortex neuron

step disabled
systemctl disable --now cortex 2>/dev/null
dpkg -i /shared/*.deb >/dev/null
systemctl is-enabled cortex neuron
systemctl is-active cortex neuron

step removed
dpkg -r cortex helexa-neuron >/dev/null
ls /etc/cortex /var/lib/cortex
ls -d /usr/lib/neuron /usr/bin/cortex 2>&1
pgrep -c -u neuron

step purged
dpkg -P cortex helexa-neuron >/dev/null
ls -d /etc/cortex /etc/neuron /var/lib/cortex /var/lib/neuron /etc/systemd/system/multi-user.target.wants/neuron.service 2>/dev/null
step end
