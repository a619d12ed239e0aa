#!/bin/sh
# Tell whether a PBS job of this number is running (or waiting), a success or failed. PBS must keep ended jobs (qstat -x).
told=$(qstat -x -f "$1" 2>/dev/null)
value() { printf '%s\n' "$told" | sed -n "s/^ *$1 = //p"; }
case "$(value job_state):$(value Exit_status)" in
    F:0) echo success ;;
    F:*) echo failed ;;
    # Also where the server does not answer: to ask again harms nothing.
    *) echo running ;;
esac
