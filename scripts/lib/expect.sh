# shellcheck shell=bash
# Sourced by tests of scripts: runs a command as a user would, and looks at what it says.

expected=0

# expect NAME STATUS TEXT COMMAND...: the command exits with STATUS and its output has TEXT in it, or the test ends.
expect() {
  local name=$1 status=$2 text=$3 found=0
  shift 3
  output=$("$@" 2>&1) || found=$?
  if [ "$found" -ne "$status" ] || [[ $output != *"$text"* ]]; then
    say "FAILED: $name" "  exit status $found, expected $status" "  expected in the output: $text" "  output:"
    say "${output//$'\n'/$'\n'    }"
    exit 1
  fi
  expected=$((expected + 1))
  say "  ok: $name"
}

# expect_none NAME TEXT: the output of the last command does not have TEXT in it.
expect_none() {
  if [[ $output == *"$2"* ]]; then say "FAILED: $1: unexpected: $2" "$output" && exit 1; fi
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds, or the test ends.
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then say "FAILED: waited in vain for $what" && exit 1; fi
    sleep 0.1
  done
}
