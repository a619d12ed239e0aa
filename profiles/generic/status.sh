#!/bin/sh
# Print the state of the PBS job with this number: running (or waiting), success or failed. PBS must keep ended jobs
# (qstat -x).
answer=$(qstat -x -f "$1" 2>/dev/null)
value() { printf '%s\n' "$answer" | sed -n "s/^ *$1 = //p"; }
case "$(value job_state):$(value Exit_status)" in
    F:0) echo success ;;
    F:*) echo failed ;;
    # Also if the server does not answer: asking again does no harm.
    *) echo running ;;
esac
