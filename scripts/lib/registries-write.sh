# shellcheck shell=sh
# Runs on a node as root, by its sh, after lines that set these.
: "${registry:?}" "${wanted:?}" "${dry_run=}" "${force=}" "${restart=}"
set -eu

directory=/etc/rancher/k3s
file=$directory/registries.yaml
in_effect=/var/lib/rancher/k3s/agent/etc/containerd/certs.d/$registry/hosts.toml

unit='' role=''
for name in k3s-agent k3s; do
  for path in /etc/systemd/system/$name.service /usr/lib/systemd/system/$name.service /lib/systemd/system/$name.service /etc/init.d/$name; do
    if [ -e "$path" ]; then unit=$name; fi
  done
done
case $unit in
  k3s) role=server ;;
  k3s-agent) role=agent ;;
  *) echo "there is no k3s on this node: neither a service k3s nor k3s-agent; install k3s first" && exit 1 ;;
esac
if [ -e "/etc/init.d/$unit" ]; then again="rc-service $unit restart"; else again="systemctl restart $unit"; fi

# Keys below mirrors and configs that are not this registry, and sections that are unknown.
others() {
  awk -v registry="$registry" '
    /^[[:space:]]*(#|$)/ { next }
    /^[^[:space:]]/ { indent = ""; if ($0 !~ /^(mirrors|configs):[[:space:]]*(#.*)?$/ && $0 != "---") print $1; next }
    { match($0, /^[[:space:]]+/); if (indent == "") indent = RLENGTH
      if (RLENGTH == indent) { key = $1; gsub(/["\047]|:$/, "", key); gsub(/["\047]/, "", key); if (key != registry) print key } }
  ' "$file" | sort -u | tr '\n' ' '
}

if [ -e "$file" ] && [ "$(cat "$file")" = "$wanted" ]; then
  if [ -n "$(find "$in_effect" -newer "$file" 2>/dev/null)" ]; then
    echo "$role, $file is there and in effect"
    exit
  fi
  echo "$role, $file is there already"
else
  if [ -e "$file" ] && [ -z "$force" ]; then
    found=$(others)
    if [ -n "$found" ]; then
      echo "$role, $file has other registries in it and is left as it is: $found"
      echo "add to its mirrors what follows, or replace it with --force, then run: $again"
      echo "$wanted" | grep -v '^mirrors:' | grep -v '^ *#'
      exit 1
    fi
  fi
  temporary=$(mktemp)
  printf '%s\n' "$wanted" >"$temporary"
  if [ -n "$dry_run" ]; then
    echo "$role, $file would change:"
    if [ -e "$file" ]; then diff -u "$file" "$temporary" || true; else sed 's/^/+/' "$temporary"; fi
    rm "$temporary"
    exit
  fi
  rm "$temporary"
  mkdir -p "$directory"
  # Beside its place, so that one rename shows all of it or nothing, also to a node that loses power.
  temporary=$(mktemp "$directory/.registries.XXXXXX")
  printf '%s\n' "$wanted" >"$temporary"
  chmod 644 "$temporary"
  sync
  if [ -e "$file" ]; then
    kept=$file.bak number=1
    while [ -e "$kept" ]; do number=$((number + 1)) && kept=$file.bak$number; done
    cp -p "$file" "$kept"
    echo "the old file is kept as $kept"
  fi
  mv "$temporary" "$file"
  echo "$role, $file is written"
fi
if [ -n "$dry_run" ] || [ -z "$restart" ]; then
  echo "not in effect before a restart; run on the node: sudo $again"
  exit
fi
echo "restarting: $again"
# Both ways wait until k3s says that it is ready.
if ! $again; then
  echo "$unit does not start again; see on the node: journalctl --unit $unit --lines 50; the file before is $file.bak"
  exit 1
fi
echo "$unit runs again"
