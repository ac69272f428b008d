#!/usr/bin/env bash
# leash.sh COMMAND...: runs it, prints its process id, and ends everything that it started once it ends or standard
# input closes: even a test run that is killed leaves no engine behind. Must lead a process group of its own.
exec 3<&0
"$@" < /dev/null >&2 &
echo $!
cat <&3 > /dev/null &
wait -n
kill -KILL 0
